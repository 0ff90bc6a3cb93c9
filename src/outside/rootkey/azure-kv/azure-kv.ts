// Azure Key Vault and Managed HSM: one conversation for each vault, as the application or the managed identity that the configuration
// names.

import { BearerLogin } from '../clouds/bearer-login.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudPlace, type CloudSurroundings } from '../clouds/session.ts'
import { AzureApi } from './api.ts'
import { AzureKey } from './key.ts'
import { azureGrant, type AzureAccess } from './login.ts'
import { parseAzureUri, type AzureUri } from './uri.ts'

export interface AzureKvOptions {
  readonly access: AzureAccess
  /** The address of Entra ID: https://HOST[:PORT] */
  readonly loginAddress: string
  /** Instead of the public address of every vault. https://HOST[:PORT] */
  readonly endpoint: string | undefined
  /** PEM; only these CAs are trusted, for Entra ID too. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** The address of the metadata service; left out: the one that every machine in Azure has. */
  readonly metadataAddress?: string
}

export class AzureKv {
  readonly #options: AzureKvOptions
  readonly #with: CloudSurroundings
  readonly #entra: CloudHttp
  readonly #places = new Map<string, CloudPlace & { readonly http: CloudHttp }>()

  constructor(options: AzureKvOptions, shared: CloudSurroundings) {
    this.#options = options
    this.#with = shared
    this.#entra =
      options.access.method === 'managed-identity'
        ? this.#http('the metadata service of this machine', true)
        : this.#http(`Entra ID at ${new URL(options.loginAddress).host}`)
  }

  /** Throws RootKeyError for a URI that is none. Asks nothing. */
  open(uri: string): CloudRootKey {
    const target = parseAzureUri(uri)
    return new CloudRootKey(new AzureKey(target, this.#place(target)))
  }

  close(): void {
    for (const { http } of this.#places.values()) http.close()
    this.#entra.close()
    this.#places.clear()
  }

  #place({ host, resource }: AzureUri): CloudPlace {
    const known = this.#places.get(host)
    if (known) return known
    const { access, loginAddress, metadataAddress = 'http://169.254.169.254', endpoint } = this.#options
    const { clock, onCall } = this.#with
    const http = this.#http(`Azure Key Vault at ${host}`)
    const { title } = http
    const isManaged = access.method === 'managed-identity'
    const address = new URL(isManaged ? metadataAddress : loginAddress)
    const login = new BearerLogin(azureGrant({ access, resource, http: this.#entra, address }), clock)
    const api = new AzureApi({ title, login, tenantId: isManaged ? undefined : access.tenantId })
    const session = new CloudSession({ http, api, clock, onCall })
    const place = { session, endpoint: new URL(endpoint ?? `https://${host}`), title, http }
    this.#places.set(host, place)
    return place
  }

  #http(title: string, plain = false): CloudHttp {
    const { clock } = this.#with
    const { ca } = this.#options
    return new CloudHttp({ title, ca, caVariable: 'MORTISE_AZURE_CA_FILE', plain, clock })
  }
}
