// A root key in Key Protect or HPCS, as the rest of Mortise sees it: wrap and unwrap. The key itself never leaves the
// service; what was wrapped is sent there and comes back open. An alias is resolved when it is opened, and the URI
// from then on names the id: an alias that is pointed elsewhere later changes nothing here.

import { RootKeyError, type RootKey } from '../../keys/ports.ts'
import { limits } from '../../limits.ts'
import { field, KeyProtectError } from './error.ts'
import { readKeys, type KeyMetadata } from './key-metadata.ts'
import type { CallName } from './calls.ts'
import { bodyWithSecret } from './secret-json.ts'
import type { Session } from './session.ts'
import { formatKeyProtectUri, isKeyId, services, type KeyProtectUri } from './uri.ts'
import { additionalData, packWrappedForm, unpackWrappedForm } from './wrapped-form.ts'

/** After a rotation an unwrap hands back the same secret under the newest version: worth keeping instead of the old. */
export interface Rewrapped {
  readonly uri: string
  /** As it was given to unwrap. */
  readonly wrapped: Uint8Array
  readonly rewrapped: Uint8Array
}

export interface KeyProtectRootKeyOptions {
  readonly session: Session
  readonly target: KeyProtectUri & { readonly key: string }
  readonly onRewrapped?: (event: Rewrapped) => void
}

/** Throws RootKeyError. An id is taken as it is, without asking the service; an alias must be there. */
export async function openKeyProtectRootKey(options: KeyProtectRootKeyOptions): Promise<KeyProtectRootKey> {
  const { session, target } = options
  if (isKeyId(target.key)) return new KeyProtectRootKey(options)
  const { id } = await readMetadata(session, target)
  return new KeyProtectRootKey({ ...options, target: { ...target, key: id } })
}

export class KeyProtectRootKey implements RootKey {
  readonly uri: string
  /** The root key's id at the service. */
  readonly id: string
  readonly warnings: readonly string[] = []
  readonly #session: Session
  readonly #target: KeyProtectUri
  readonly #onRewrapped: ((event: Rewrapped) => void) | undefined

  constructor({ session, target, onRewrapped }: KeyProtectRootKeyOptions) {
    this.uri = formatKeyProtectUri(target)
    this.id = target.key
    this.#session = session
    this.#target = target
    this.#onRewrapped = onRewrapped
  }

  async wrap(plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    // Of nothing at all the service would make a key of its own.
    if (plaintext.length === 0 || plaintext.length > limits.rootKeyPlaintextBytesMax)
      throw new RootKeyError('wrapped-form', `a root key seals 1 to ${limits.rootKeyPlaintextBytesMax} bytes`)
    const aad = additionalData(associatedData)
    const { json, secret } = await this.#act('wrap', bodyWithSecret('plaintext', plaintext, { aad }))
    secret?.fill(0)
    const wrapped = wrappedFrom(json, 'keyVersion')
    if (!wrapped) throw notUnderstood(this.#session, 'wrap')
    return wrapped
  }

  async unwrap(wrapped: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    const { ciphertext } = unpackWrappedForm(wrapped)
    const body = Buffer.from(JSON.stringify({ ciphertext, aad: additionalData(associatedData) }))
    const { json, secret } = await this.#act('unwrap', body)
    if (!secret || secret.length === 0) throw notUnderstood(this.#session, 'unwrap')
    const rewrapped = wrappedFrom(json, 'rewrappedKeyVersion')
    if (rewrapped) this.#onRewrapped?.({ uri: this.uri, wrapped: Uint8Array.from(wrapped), rewrapped })
    return secret
  }

  /** What the service tells of it. Throws RootKeyError. */
  metadata(): Promise<KeyMetadata> {
    return readMetadata(this.#session, { ...this.#target, key: this.id })
  }

  async #act(call: 'wrap' | 'unwrap', body: Buffer) {
    try {
      return await this.#session.call(call, { key: this.id, keyRing: this.#target.keyRing, body })
    } finally {
      body.fill(0)
    }
  }
}

/** undefined where there is no ciphertext in the answer, or one that is too long to be true. */
function wrappedFrom(json: unknown, version: 'keyVersion' | 'rewrappedKeyVersion'): Buffer | undefined {
  const ciphertext = field(json, 'ciphertext')
  if (typeof ciphertext !== 'string' || !/^[\x21-\x7e]+$/.test(ciphertext)) return undefined
  const id = field(field(json, version), 'id')
  const keyVersion = typeof id === 'string' && /^[\x21-\x7e]{1,255}$/.test(id) ? id : ''
  const wrapped = packWrappedForm({ ciphertext, keyVersion })
  return wrapped.length > limits.wrappedKeyBytesMax ? undefined : wrapped
}

async function readMetadata(
  session: Session,
  { key, keyRing }: KeyProtectUri & { readonly key: string },
): Promise<KeyMetadata> {
  const { json } = await session.call('metadata', { key, keyRing })
  const [found] = readKeys(json) ?? []
  if (!found || !isKeyId(found.id)) throw notUnderstood(session, 'metadata')
  return found
}

export function notUnderstood({ target }: Session, call: CallName): KeyProtectError {
  const message = `${services[target.scheme].title} at ${target.host} answers ${call} with something else than it should`
  return new KeyProtectError('unreachable', message, {
    call,
    refusal: undefined,
    correlationId: '',
    transient: true,
  })
}
