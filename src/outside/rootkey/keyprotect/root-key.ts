// A root key in Key Protect or HPCS, as the rest of Mortise sees it: wrap, unwrap and rewrap, and the standard keys beside it. The key
// itself never leaves the service: Mortise sends a wrapped form there and gets the secret back. Opening a root key resolves an alias, and
// its URI names the id from then on: if the owner points the alias to another key later, an opened root key stays the same.

import {
  RootKeyError,
  type RootKey,
  type RootKeyVersions,
  type StandardKeys,
  type CorrelationIds,
} from '../../../core/ports/root-key.ts'
import { wrappedKeyBytesMax } from '../../../base/bounds.ts'
import { readOneKey, readWrapped, type KeyResource, type WrappedAnswer } from './answers.ts'
import { KeyProtectError, notUnderstood } from './error.ts'
import { explainDeactivated } from './refusal-messages.ts'
import { bodyWithSecret } from '../https/secret-json.ts'
import type { KeyProtectSession } from './session.ts'
import { KeyProtectStandardKeys } from './standard-keys.ts'
import { formatKeyProtectUri, isGuid, type KeyProtectUri } from './uri.ts'
import { packWrappedForm, unpackWrappedForm, type WrappedForm } from '../wrapped-form.ts'
import { requirePlaintext } from '../plaintext.ts'

/**
 * After a rotation of the root key the service answers an unwrap also with a new form of the same secret, wrapped by the newest version.
 * The new form is worth keeping instead of the old one.
 */
export interface Rewrapped {
  readonly uri: string
  /** The old form, which the caller gave to `unwrap`. */
  readonly wrapped: Uint8Array
  readonly rewrapped: Uint8Array
}

export interface KeyProtectRootKeyOptions {
  readonly session: KeyProtectSession
  readonly target: KeyProtectUri & { readonly key: string }
  readonly onRewrapped?: (event: Rewrapped) => void
}

/** Throws RootKeyError. Makes no call for a key's id; for an alias it asks the service for the id, and the alias must exist. */
export async function openKeyProtectRootKey(options: KeyProtectRootKeyOptions): Promise<KeyProtectRootKey> {
  const { session, target } = options
  if (isGuid(target.key)) return new KeyProtectRootKey(options)
  const { id } = await readMetadata(session, target)
  return new KeyProtectRootKey({ ...options, target: { ...target, key: id } })
}

export class KeyProtectRootKey implements RootKey {
  readonly uri: string
  /** The root key's id at the service. */
  readonly id: string
  readonly warnings: readonly string[] = []
  readonly versions: RootKeyVersions
  readonly standardKeys: StandardKeys
  readonly #session: KeyProtectSession
  readonly #target: KeyProtectUri
  readonly #onRewrapped: ((event: Rewrapped) => void) | undefined

  constructor({ session, target, onRewrapped }: KeyProtectRootKeyOptions) {
    this.uri = formatKeyProtectUri(target)
    this.id = target.key
    this.#session = session
    this.#target = target
    this.#onRewrapped = onRewrapped
    this.standardKeys = new KeyProtectStandardKeys(session, target)
    this.versions = {
      of: versionOf,
      newest: () => this.#newestVersion(),
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
    const aad = additionalData(associatedData)
    const body = bodyWithSecret('plaintext', plaintext, { aad })
    const { json, secret } = await this.#act('wrap', body, correlationIds).catch(async (error: unknown) => {
      throw await this.#whyNotWrapped(error)
    })
    secret?.fill(0)
    const answer = readWrapped(json)
    const wrapped = packed(answer, answer.keyVersion)
    if (!wrapped || !mayHold(answer, plaintext)) throw notUnderstood(this.#target, 'wrap')
    return wrapped
  }

  async unwrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    const { json, secret } = await this.#act('unwrap', bodyOf(wrapped, associatedData), correlationIds)
    if (!secret || secret.length === 0) throw notUnderstood(this.#target, 'unwrap')
    const answer = readWrapped(json)
    const rewrapped = packed(answer, answer.rewrappedKeyVersion)
    if (rewrapped) this.#onRewrapped?.({ uri: this.uri, wrapped: Uint8Array.from(wrapped), rewrapped })
    return secret
  }

  /** The service's description of the root key. Throws RootKeyError. */
  metadata(): Promise<KeyResource> {
    return readMetadata(this.#session, { ...this.#target, key: this.id })
  }

  /**
   * Returns the error to throw for a wrap that failed with `cause`. A root key that is deactivated, for instance because it expired, refuses
   * to wrap but still unwraps: then the error concerns only the secret to seal ('wrapped-form'). In any other case, and if Mortise cannot
   * learn the state of the root key, the error is `cause`.
   */
  async #whyNotWrapped(cause: unknown): Promise<unknown> {
    if (!(cause instanceof KeyProtectError) || cause.refusal?.status !== 409) return cause
    const metadata = await this.metadata().catch(() => undefined)
    if (metadata?.state !== 'deactivated') return cause
    const { call, refusal, correlationId } = cause
    const message = explainDeactivated({ target: this.#target, refusal, correlationId }, metadata)
    const about = { call, refusal, correlationId, transient: false, cause }
    return new KeyProtectError('wrapped-form', message, about)
  }

  async #newestVersion(): Promise<string> {
    const { keyVersion } = await this.metadata()
    if (keyVersion === null) throw notUnderstood(this.#target, 'metadata')
    return keyVersion
  }

  /** For a form that the newest version wrapped already, the service may return another form or none. */
  async #rewrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array> {
    const { json } = await this.#act('rewrap', bodyOf(wrapped, associatedData), correlationIds)
    const answer = readWrapped(json)
    const { keyVersion: before, rewrappedKeyVersion: now } = answer
    if (answer.ciphertext === undefined && before !== '' && (now === '' || now === before))
      return Uint8Array.from(wrapped)
    const rewrapped = packed(answer, now === '' ? before : now)
    if (!rewrapped) throw notUnderstood(this.#target, 'rewrap')
    return rewrapped
  }

  async #act(call: 'wrap' | 'unwrap' | 'rewrap', body: Buffer, correlationIds: CorrelationIds | undefined) {
    try {
      return await this.#session.call(call, {
        key: this.id,
        keyRing: this.#target.keyRing,
        body,
        correlationIds,
      })
    } finally {
      body.fill(0)
    }
  }
}

/** The service, as the checksum of a wrapped key names it. */
const kind = 'key protect'

/** Throws RootKeyError('wrapped-form'). */
function formOf(wrapped: Uint8Array): WrappedForm {
  return unpackWrappedForm(kind, wrapped, 'Key Protect or HPCS')
}

function bodyOf(wrapped: Uint8Array, associatedData: Uint8Array): Buffer {
  const { ciphertext } = formOf(wrapped)
  return Buffer.from(JSON.stringify({ ciphertext, aad: additionalData(associatedData) }))
}

function versionOf(wrapped: Uint8Array): string {
  try {
    return formOf(wrapped).keyVersion
  } catch (error) {
    if (error instanceof RootKeyError) return ''
    throw error
  }
}

/** undefined: the answer has no ciphertext, or one that is too long to be true. */
function packed({ ciphertext }: WrappedAnswer, keyVersion: string): Buffer | undefined {
  if (ciphertext === undefined) return undefined
  const wrapped = packWrappedForm(kind, { ciphertext, keyVersion })
  return wrapped.length > wrappedKeyBytesMax ? undefined : wrapped
}

/** Whether the ciphertext can hold the plaintext: it is longer by a tag at least, and does not contain the plaintext itself. */
function mayHold({ ciphertext = '' }: WrappedAnswer, plaintext: Uint8Array): boolean {
  const sealed = Buffer.from(ciphertext, 'base64')
  const { buffer, byteOffset, length } = plaintext
  const isPlain = length >= tagBytes && sealed.includes(Buffer.from(buffer, byteOffset, length))
  return sealed.length >= length + tagBytes && !isPlain
}

/** The tag of AES-GCM; where the service uses AES-CBC, padding and initial vector take at least as much. */
const tagBytes = 16

async function readMetadata(
  session: KeyProtectSession,
  target: KeyProtectUri & { readonly key: string },
): Promise<KeyResource> {
  const { key, keyRing } = target
  const { json } = await session.call('metadata', { key, keyRing })
  const resource = readOneKey(json)
  if (!resource || !isGuid(resource.id)) throw notUnderstood(target, 'metadata')
  return resource
}

/**
 * Makes the data that binds a wrapped key to its place. Key Protect takes up to 126 strings of at most 255 characters: the first names
 * the purpose, the others are the bytes in base64. Throws RootKeyError('wrapped-form') where they do not fit.
 */
function additionalData(associatedData: Uint8Array): readonly string[] {
  const pieces: string[] = []
  for (let at = 0; at < associatedData.length; at += pieceBytes)
    pieces.push(Buffer.from(associatedData.subarray(at, at + pieceBytes)).toString('base64'))
  if (pieces.length > 125)
    throw new RootKeyError('wrapped-form', 'that is too much associated data for Key Protect')
  return ['mortise root key 1', ...pieces]
}

/** The bytes of one string, which are 252 characters in base64. */
const pieceBytes = 189
