// The Vault or OpenBao that the configuration names, with one CloudSession for all root keys in it.

import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { CloudError } from '../clouds/error.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey, notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudSurroundings, type CloudPlace } from '../clouds/session.ts'
import { bodyWithSecret } from '../https/secret-json.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import {
  VaultApi,
  VaultLogin,
  type VaultAccess,
  readCiphertext,
  readTransitKey,
  type TransitKey,
} from './api.ts'

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

  /** Throws RootKeyError for an invalid URI. Calls no service. */
  open(uri: string): CloudRootKey {
    const place = { session: this.#session, endpoint: this.#address, title: this.#http.title }
    return new CloudRootKey(new VaultKey(parseVaultUri(uri), place))
  }

  close(): void {
    this.#http.close()
  }
}

// ---------------------------------------------------------------- The key

// A key of the transit engine as a root key: encrypt, decrypt and its description. What it seals is bound to its place by
// Vault's associated_data, which the types with authenticated encryption take.

class VaultKey implements CloudKey {
  readonly kind = 'vault'
  readonly uri: string
  readonly id: string
  readonly title: string
  readonly #target: VaultUri
  readonly #place: CloudPlace

  constructor(target: VaultUri, place: CloudPlace) {
    this.uri = formatVaultUri(target)
    this.id = `${target.mount}/${target.key}`
    this.title = place.title
    this.#target = target
    this.#place = place
  }

  async encrypt(plaintext: Uint8Array, place: Buffer, ids?: CorrelationIds): Promise<WrappedForm> {
    const body = bodyWithSecret('plaintext', plaintext, { associated_data: place.toString('base64') })
    try {
      const call = { name: 'encrypt', method: 'POST', url: this.#url('encrypt'), body } as const
      const { json } = await this.#place.session.call(call, ids)
      const ciphertext = readCiphertext(json)
      if (ciphertext === undefined) throw notUnderstood(this.title, 'encrypt')
      return { ciphertext, keyVersion: ciphertext.slice('vault:v'.length, ciphertext.lastIndexOf(':')) }
    } finally {
      body.fill(0)
    }
  }

  async decrypt(
    { ciphertext }: WrappedForm,
    place: Buffer,
    ids?: CorrelationIds,
  ): Promise<Buffer | undefined> {
    const body = Buffer.from(JSON.stringify({ ciphertext, associated_data: place.toString('base64') }))
    const call = {
      name: 'decrypt',
      method: 'POST',
      url: this.#url('decrypt'),
      body,
      secret: 'data.plaintext',
      serves: true,
    } as const
    return (await this.#place.session.call(call, ids)).secret
  }

  async newestVersion(): Promise<string> {
    return String((await this.#describe()).latest_version)
  }

  async examine({ opens }: { readonly opens: boolean }): Promise<readonly string[]> {
    const key = await this.#describe().catch((error: unknown) => {
      // A 404 without words: the engine has no such key. Where the engine itself does not exist, Vault says so in words.
      if (!(error instanceof CloudError) || error.status !== 404 || error.code !== 'HTTP 404') throw error
      const { mount, key: name } = this.#target
      throw new RootKeyError(
        'root-key',
        `${this.title} has no key ${name} in ${mount}. Make it with: vault write -f ${mount}/keys/${name} type=aes256-gcm96`,
        { cause: error },
      )
    })
    const unfit = whyUnfit(key)
    if (unfit !== undefined)
      throw new RootKeyError('root-key', `${this.uri} ${unfit}. Make a key of type aes256-gcm96`)
    return opens ? [] : warningsOf(this.uri, key)
  }

  async #describe(): Promise<TransitKey> {
    const { json } = await this.#place.session.call({
      name: 'read the key',
      method: 'GET',
      url: this.#url('keys'),
    })
    const key = readTransitKey(json)
    if (!key) throw notUnderstood(this.title, 'the question for the key')
    return key
  }

  #url(act: 'encrypt' | 'decrypt' | 'keys'): URL {
    const { mount, key } = this.#target
    return new URL(`/v1/${mount}/${act}/${key}`, this.#place.endpoint)
  }
}

/** The types of transit that take associated data. */
const bindingTypes = ['aes128-gcm96', 'aes256-gcm96', 'chacha20-poly1305', 'xchacha20-poly1305']

function whyUnfit({ type, derived, soft_deleted: deleted }: TransitKey): string | undefined {
  if (!bindingTypes.includes(type)) return `is of type ${type}, which cannot bind what it seals to its place`
  if (derived) return 'derives its keys (derived=true)'
  if (deleted) return 'is deleted (soft_deleted)'
  return undefined
}

function warningsOf(uri: string, key: TransitKey): readonly string[] {
  const { exportable, allow_plaintext_backup: backup, deletion_allowed: deletable } = key
  return [
    ...(exportable || backup
      ? [`${uri} can leave Vault (exportable or allow_plaintext_backup). Better take a key that cannot.`]
      : []),
    ...(deletable
      ? [`${uri} may be deleted (deletion_allowed), and with it all that it seals. Better forbid that.`]
      : []),
  ]
}

// ---------------------------------------------------------------- Its URI

// The URI of a root key in the transit engine of HashiCorp Vault or OpenBao:
//
//     vault:transit/mortise            MOUNT/KEY; a mount may have slashes in it
//
// The URI names no server: the configuration does. So a person who may choose a root key cannot choose to which server Mortise sends its
// token.

interface VaultUri {
  readonly mount: string
  readonly key: string
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseVaultUri(uri: string): VaultUri {
  const [, mount, key] = /^vault:([\w.-]+(?:\/[\w.-]+)*)\/([\w.-]+)$/i.exec(uri) ?? []
  if (
    mount !== undefined &&
    key !== undefined &&
    !`${mount}/${key}`.split('/').some((part) => /^\.+$/.test(part))
  )
    return { mount, key }
  const server = /^vault:\/\//i.test(uri)
    ? '. The server is named in the configuration alone (vault.address)'
    : ''
  throw new RootKeyError(
    'root-key',
    `${uri.replace(/\/\/[^/]*@/, '//')} is not the URI of a root key in Vault. Write vault:MOUNT/KEY, such as vault:transit/mortise${server}`,
  )
}

function formatVaultUri({ mount, key }: VaultUri): string {
  return `vault:${mount}/${key}`
}
