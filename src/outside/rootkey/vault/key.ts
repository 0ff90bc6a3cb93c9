// A key of the transit engine as a root key: encrypt, decrypt and its description. What it seals is bound to its place by
// Vault's associated_data, which the types with authenticated encryption take.

import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { CloudError } from '../clouds/error.ts'
import { notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import type { CloudPlace } from '../clouds/session.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import { bodyWithSecret } from '../https/secret-json.ts'
import { readCiphertext, readTransitKey, type TransitKey } from './answers.ts'
import { formatVaultUri, type VaultUri } from './uri.ts'

export class VaultKey implements CloudKey {
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
      // Where there is no such engine, Vault says so.
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
