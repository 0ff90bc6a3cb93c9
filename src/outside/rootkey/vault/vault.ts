// The Vault or OpenBao that the configuration names: one conversation for all root keys in it.

import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudSurroundings } from '../clouds/session.ts'
import { VaultApi } from './api.ts'
import { VaultKey } from './key.ts'
import { VaultLogin, type VaultAccess } from './login.ts'
import { parseVaultUri } from './uri.ts'

export interface VaultOptions {
  /** https://HOST[:PORT] */
  readonly address: string
  /** PEM; only these CAs are trusted. undefined: those of Node.js. */
  readonly ca: string | undefined
  readonly namespace: string | undefined
  readonly access: VaultAccess
}

export class Vault {
  readonly #http: CloudHttp
  readonly #session: CloudSession
  readonly #address: URL

  constructor({ address, ca, namespace, access }: VaultOptions, { clock, onCall }: CloudSurroundings) {
    this.#address = new URL(address)
    const title = `Vault at ${this.#address.host}`
    this.#http = new CloudHttp({ title, ca, caVariable: 'MORTISE_VAULT_CA_FILE', clock })
    const http = this.#http
    const login = new VaultLogin({ http, address: this.#address, namespace, access, clock })
    const api = new VaultApi({ title, namespace, login })
    this.#session = new CloudSession({ http, api, clock, onCall })
  }

  /** Throws RootKeyError for a URI that is none. Asks nothing. */
  open(uri: string): CloudRootKey {
    const place = { session: this.#session, endpoint: this.#address, title: this.#http.title }
    return new CloudRootKey(new VaultKey(parseVaultUri(uri), place))
  }

  close(): void {
    this.#http.close()
  }
}
