// A root key in a service that encrypts and decrypts with it: the part that is the same for every service. A CloudKey makes
// the calls.

import { wrappedKeyBytesMax } from '../../../base/bounds.ts'
import {
  RootKeyError,
  type CorrelationIds,
  type RootKey,
  type RootKeyVersions,
} from '../../../core/ports/root-key.ts'
import { CloudError } from './error.ts'
import { packWrappedForm, unpackWrappedForm, type WrappedForm } from '../wrapped-form.ts'
import { requirePlaintext } from '../plaintext.ts'
import { sealAndOpen } from '../seal-and-open.ts'

/** One key of one service. Its methods throw only RootKeyError. */
export interface CloudKey {
  /** The scheme of its URI. */
  readonly kind: string
  readonly uri: string
  readonly id: string
  readonly title: string
  encrypt(plaintext: Uint8Array, place: Buffer, correlationIds?: CorrelationIds): Promise<WrappedForm>
  /** undefined: the service's answer has no secret. */
  decrypt(wrapped: WrappedForm, place: Buffer, correlationIds?: CorrelationIds): Promise<Buffer | undefined>
  /** Only where the wrapped form shows the version that wrapped it. */
  newestVersion?(): Promise<string>
  /** Throws unless the key is fit to be a root key. Returns sentences for the administrator. `opens`: it need not seal any more. */
  examine(purpose: { readonly opens: boolean }): Promise<readonly string[]>
}

export class CloudRootKey implements RootKey {
  readonly uri: string
  readonly id: string
  readonly warnings: readonly string[] = []
  readonly versions?: RootKeyVersions
  readonly #key: CloudKey

  constructor(key: CloudKey) {
    this.uri = key.uri
    this.id = key.id
    this.#key = key
    if (!key.newestVersion) return
    this.versions = {
      of: (wrapped) => versionOf(key.kind, wrapped),
      newest: () => key.newestVersion?.() ?? Promise.resolve(''),
      rewrap: (wrapped, associatedData, correlationIds) =>
        this.#rewrap(wrapped, associatedData, correlationIds),
    }
  }

  async wrap(
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    requirePlaintext(plaintext)
    const { kind, title } = this.#key
    const answer = await this.#key.encrypt(plaintext, placeOf(associatedData), correlationIds)
    const wrapped = packWrappedForm(kind, answer)
    if (
      answer.keyVersion.length > 255 ||
      wrapped.length > wrappedKeyBytesMax ||
      isUnsealed(answer, plaintext)
    )
      throw notUnderstood(title, 'encrypt')
    return wrapped
  }

  async unwrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    const form = unpackWrappedForm(this.#key.kind, wrapped)
    const secret = await this.#key.decrypt(form, placeOf(associatedData), correlationIds)
    if (!secret || secret.length === 0) throw notUnderstood(this.#key.title, 'decrypt')
    return secret
  }

  /**
   * Tries the root key before it is used. Returns sentences for the administrator. Throws RootKeyError with what to do. `opens`: the
   * root key need not seal any more, and the check seals nothing.
   */
  async check({ opens }: { readonly opens: boolean }): Promise<readonly string[]> {
    const warnings = await this.#key.examine({ opens })
    if (opens) return warnings
    const wrapped = await sealAndOpen(this)
    // An old service that does not know associated data ignores it, and opens the sample in any place.
    const elsewhere = await this.unwrap(wrapped, Buffer.from('another place')).catch((error: unknown) => {
      if (error instanceof RootKeyError && error.altered) return undefined
      throw error
    })
    if (!elsewhere) return warnings
    elsewhere.fill(0)
    const message = `${this.#key.title} does not bind what ${this.uri} seals to its place: it needs a newer version`
    throw new RootKeyError('root-key', message)
  }

  /** The services' own calls for a rewrap take no associated data, so Mortise opens the secret and seals it again. */
  async #rewrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    const secret = await this.unwrap(wrapped, associatedData, correlationIds)
    try {
      return await this.wrap(secret, associatedData, correlationIds)
    } finally {
      secret.fill(0)
    }
  }
}

/** The associated data for the service. It is never empty, since services take an empty value for a missing one. */
function placeOf(associatedData: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from('mortise root key 1\n'), associatedData])
}

function versionOf(kind: string, wrapped: Uint8Array): string {
  try {
    return unpackWrappedForm(kind, wrapped).keyVersion
  } catch (error) {
    if (error instanceof RootKeyError) return ''
    throw error
  }
}

/** Whether this is not really a ciphertext: it is too short to hold the plaintext and a tag of 16 bytes, or contains the plaintext. */
function isUnsealed({ ciphertext }: WrappedForm, plaintext: Uint8Array): boolean {
  const sealed = Buffer.from(ciphertext.slice(ciphertext.lastIndexOf(':') + 1), 'base64')
  if (sealed.length < plaintext.length + 16) return true
  const { buffer, byteOffset, length } = plaintext
  return length >= 16 && sealed.includes(Buffer.from(buffer, byteOffset, length))
}

/** The error for a success whose body is not what it should be. */
export function notUnderstood(title: string, call: string): CloudError {
  const about = { status: null, code: 'not understood', transient: true }
  return new CloudError('unreachable', `${title} answers ${call} with something else than it should`, about)
}
