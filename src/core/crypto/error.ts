// The only error that this room throws on purpose. Its message is safe to send: no secrets, no internals.

/**
 * `busy`: too many jobs wait. `lost`: the job was not finished (its thread ended, or it took too long). `unsupported`: this
 * server lacks the algorithm, mode or size. `invalid`: a value does not fit the algorithm. `no-iv`: the mode needs an IV.
 * `tag-length`: the mode has no tag of that length. `no-stream`: the server has no such work in parts. `left`: no caller waits
 * for it any more. `failed`: the key, the data, the padding, the tag or the signature does not fit. The error does not say which
 * of them.
 */
export type CryptoErrorKind =
  'busy' | 'lost' | 'unsupported' | 'invalid' | 'no-iv' | 'tag-length' | 'no-stream' | 'left' | 'failed'

export class CryptoError extends Error {
  override readonly name = 'CryptoError'
  readonly kind: CryptoErrorKind

  constructor(kind: CryptoErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** The one answer to wrong padding, a wrong tag and a wrong key, so that an attacker learns nothing from the difference. */
export function decryptionFailed(): CryptoError {
  return new CryptoError('failed', 'the data does not decrypt under this key and these parameters')
}
