// Azure Key Vault and Managed HSM: one CloudSession for each vault, as the application or the managed identity that the configuration
// names.

import { createHash, randomBytes } from 'node:crypto'
import { encodeBase64Url } from '../../../base/base64.ts'
import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { BearerLogin } from '../clouds/bearer-login.ts'
import { CloudError } from '../clouds/error.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey, notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudPlace, type CloudSurroundings } from '../clouds/session.ts'
import {
  alteredSealing,
  contentKeyBytes,
  joinHalves,
  openOnce,
  sealOnce,
  signedText,
} from '../content-key.ts'
import { bodyWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import {
  AzureApi,
  azureGrant,
  type AzureAccess,
  readKeyVersion,
  readWrapped,
  type AzureKeyVersion,
} from './api.ts'

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

  /** Throws RootKeyError for an invalid URI. Calls no service. */
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

// ---------------------------------------------------------------- The key

// A key of Azure Key Vault or of a Managed HSM as a root key. It wraps a content key, which seals the secret (content-key.ts): RSA by
// RSA-OAEP-256 and a signature, since any program can wrap with a public key; AES by A256KW.

const apiVersion = '7.4'

/** How a key wraps, by its type without the suffix -HSM. */
const ways = {
  RSA: { algorithm: 'RSA-OAEP-256', signs: true, operations: ['wrapKey', 'unwrapKey', 'sign'] },
  oct: { algorithm: 'A256KW', signs: false, operations: ['wrapKey', 'unwrapKey'] },
} as const
type Way = (typeof ways)[keyof typeof ways]

class AzureKey implements CloudKey {
  readonly kind = 'azure-kv'
  readonly uri: string
  readonly id: string
  readonly title: string
  readonly #name: string
  readonly #place: CloudPlace

  constructor({ host, key }: AzureUri, place: CloudPlace) {
    this.id = `${host}/${key}`
    this.uri = `azure-kv:${this.id}`
    this.title = place.title
    this.#name = key
    this.#place = place
  }

  async encrypt(plaintext: Uint8Array, place: Buffer, ids?: CorrelationIds): Promise<WrappedForm> {
    // Azure still wraps with a disabled key. Mortise does not, since for Mortise a disabled key is withdrawn.
    const { version, way } = this.#usable(await this.#describe(), false)
    const half = randomBytes(contentKeyBytes)
    const body = bodyWithSecret('value', half, { alg: way.algorithm }, encodeBase64Url)
    try {
      const wrapped = readWrapped((await this.#act('wrapKey', version, body, ids)).json)
      if (wrapped?.version !== version) throw notUnderstood(this.title, 'wrapKey')
      const contentKey = way.signs ? joinHalves(half, await this.#sign(version, ids)) : half
      const front = frontOf(way, version, wrapped.value)
      const sealed = sealOnce(contentKey, plaintext, Buffer.concat([front, place]))
      return {
        ciphertext: `${way.algorithm}:${wrapped.value}:${sealed.toString('base64')}`,
        keyVersion: version,
      }
    } finally {
      for (const secret of [body, half]) secret.fill(0)
    }
  }

  async decrypt(
    { ciphertext, keyVersion }: WrappedForm,
    place: Buffer,
    ids?: CorrelationIds,
  ): Promise<Buffer | undefined> {
    const [, algorithm, value = '', sealed = ''] = /^([\w-]+):([\w-]+):([\w+/=]+)$/.exec(ciphertext) ?? []
    const way = Object.values(ways).find((one) => one.algorithm === algorithm)
    if (!way || !/^[0-9a-f]{32}$/i.test(keyVersion)) throw alteredSealing()
    const body = Buffer.from(JSON.stringify({ alg: way.algorithm, value }))
    const { secret: half } = await this.#act('unwrapKey', keyVersion, body, ids).catch(
      async (error: unknown) => {
        throw await this.#whyNot(error)
      },
    )
    if (!half) return undefined
    try {
      const contentKey = way.signs ? joinHalves(half, await this.#sign(keyVersion, ids)) : half
      const front = frontOf(way, keyVersion, value)
      return openOnce(contentKey, Buffer.from(sealed, 'base64'), Buffer.concat([front, place]))
    } finally {
      half.fill(0)
    }
  }

  /**
   * Returns the error to throw for an unwrap that failed with `cause`. Azure deletes a key only with all its versions. So where the key
   * exists and this version of it does not, another key wrapped this form.
   */
  async #whyNot(cause: unknown): Promise<unknown> {
    if (!(cause instanceof CloudError) || cause.status !== 404) return cause
    const isThere = await this.#describe().catch(() => undefined)
    return isThere ? alteredSealing(cause) : cause
  }

  async newestVersion(): Promise<string> {
    return (await this.#describe()).version
  }

  async examine({ opens }: { readonly opens: boolean }): Promise<readonly string[]> {
    const newest = await this.#describe()
    const { way } = this.#usable(newest, opens)
    const missing = way.operations.filter((operation) => !newest.operations.includes(operation))
    if (missing.length > 0)
      throw new RootKeyError(
        'root-key',
        `${this.uri} may not be used for ${missing.join(', ')}: az keyvault key set-attributes --ops ${way.operations.join(' ')}`,
      )
    if (opens || newest.expiresMs === undefined) return []
    const day = new Date(newest.expiresMs).toISOString().slice(0, 10)
    return [
      `${this.uri} expires on ${day}, and its newest version seals nothing after that${way.signs ? ', nor opens what it sealed' : ''}. ` +
        'Rotate it and run mortise instance rewrap before, or remove the date.',
    ]
  }

  /** How the key wraps. Throws RootKeyError if the key has another type or is disabled. `opens`: a disabled key will do. */
  #usable(
    { version, type, enabled }: AzureKeyVersion,
    opens: boolean,
  ): { readonly version: string; readonly way: Way } {
    const way = Object.entries(ways).find(([name]) => name === type.replace(/-HSM$/, ''))?.[1]
    if (!way)
      throw new RootKeyError(
        'root-key',
        `${this.uri} is a key of type ${type}. Make one of type RSA or RSA-HSM, or oct-HSM (256 bits) in a Managed HSM`,
      )
    if (enabled || opens) return { version, way }
    throw new RootKeyError(
      'root-key',
      `${this.uri} is disabled. If your organization did not intend that: az keyvault key set-attributes --enabled true`,
    )
  }

  async #describe(): Promise<AzureKeyVersion> {
    const url = this.#url()
    const key = readKeyVersion((await this.#place.session.call({ name: 'get', method: 'GET', url })).json)
    if (!key) throw notUnderstood(this.title, 'get')
    return key
  }

  async #sign(version: string, ids: CorrelationIds | undefined): Promise<Buffer> {
    const value = createHash('sha256').update(signedText).digest('base64url')
    const body = Buffer.from(JSON.stringify({ alg: 'RS256', value }))
    const signature = (await this.#act('sign', version, body, ids)).secret
    if (signature && signature.length > 0) return signature
    throw notUnderstood(this.title, 'sign')
  }

  #act(
    name: 'wrapKey' | 'unwrapKey' | 'sign',
    version: string,
    body: Buffer,
    ids: CorrelationIds | undefined,
  ): Promise<ParsedAnswer> {
    const headers = { 'Content-Type': 'application/json' }
    const url = this.#url(`/${version}/${name.toLowerCase()}`)
    const opens = name !== 'wrapKey' && ({ secret: 'value' } as const)
    const lane = { serves: name !== 'wrapKey', follows: name === 'sign' }
    return this.#place.session.call({ name, method: 'POST', url, headers, body, ...opens, ...lane }, ids)
  }

  #url(rest = ''): URL {
    return new URL(`/keys/${this.#name}${rest}?api-version=${apiVersion}`, this.#place.endpoint)
  }
}

/** The beginning of the associated data: all parts of the stored form that are not encrypted. The caller appends the place. */
function frontOf({ algorithm }: Way, version: string, value: string): Buffer {
  return Buffer.from(`mortise root key in Azure\n${algorithm}\n${version}\n${value}\n`)
}

// ---------------------------------------------------------------- Its URI

// The URI of a root key in Azure Key Vault or in a Managed HSM: azure-kv: and the host and the name of the key, as its identifier has
// them, without the version.
//
//     azure-kv:contoso.vault.azure.net/mortise
//     azure-kv:contoso-hsm.managedhsm.azure.net/mortise

interface AzureUri {
  readonly host: string
  readonly key: string
  /** The service for which Mortise's token must be valid. */
  readonly resource: string
}

/** Only domains of Microsoft, so that no URI makes Mortise send its token to another service. */
const domains = [
  'vault.azure.net',
  'managedhsm.azure.net',
  'vault.azure.cn',
  'managedhsm.azure.cn',
  'vault.usgovcloudapi.net',
  'managedhsm.usgovcloudapi.net',
]

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseAzureUri(uri: string): AzureUri {
  const [, vault, domain = '', key] =
    /^azure-kv:(?:https:\/\/)?([a-z0-9][a-z0-9-]{1,22}[a-z0-9])\.([a-z.]+)(?:\/keys)?\/([a-z0-9-]{1,127})$/i.exec(
      uri,
    ) ?? []
  const known = domains.find((one) => one === domain.toLowerCase())
  if (vault === undefined || key === undefined || known === undefined)
    throw new RootKeyError(
      'root-key',
      `${uri.replace(/\/\/[^/]*@/, '//')} is not the URI of a root key in Azure. Write azure-kv: with host and name of the key, such as ` +
        'azure-kv:contoso.vault.azure.net/mortise; no version, since Mortise takes the newest one',
    )
  return { host: `${vault.toLowerCase()}.${known}`, key, resource: `https://${known}` }
}
