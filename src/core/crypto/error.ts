// The one kind of error that this room throws on purpose. Its message is safe to send: no secrets, no internals.

/**
 * `busy`: too much waits. `lost`: the work was not finished (its thread ended, or it took too long). `unsupported`: there is
 * no such algorithm, mode or size here. `invalid`: a value does not fit the algorithm. `no-iv`: the mode needs one.
 * `tag-length`: there is no tag of that length. `no-stream`: no such work in parts is going on.
 * `left`: nobody waits for it any more.
 * `failed`: the key, the data, the padding, the tag or the signature does not fit; which of them is not told.
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

/** The one answer to wrong padding, a wrong tag and a wrong key: whoever probes learns nothing from the difference. */
export function decryptionFailed(): CryptoError {
  return new CryptoError('failed', 'the data does not decrypt under this key and these parameters')
}
