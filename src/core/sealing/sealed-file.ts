// A file for recipients outside the server, made piece by piece.

import { Refusal } from '../../base/refusal.ts'

export interface SealedFile {
  /** The beginning of the file. */
  readonly head: Buffer
  /** Seals plaintext, which the caller wipes. Returns the sealed bytes so far. */
  write(plaintext: Uint8Array): readonly Buffer[]
  /** The rest of the file. Without it the file does not open completely. */
  end(): Buffer
  /** Overwrites all secrets of an unfinished file. */
  wipe(): void
}

/** A recipient that contains it counts as a certificate. */
export const pemBegin = '-----BEGIN '

/** An invalid recipient. The message never repeats it, since it may be a private key or an identity. */
export class NoRecipient extends Refusal {
  override readonly name = 'NoRecipient'
  constructor(message: string, options?: ErrorOptions) {
    super('bad-request', message, undefined, options)
  }
}
