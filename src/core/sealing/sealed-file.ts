// A file for recipients outside, which is made piece by piece.

import { Refusal } from '../../base/refusal.ts'

export interface SealedFile {
  /** The beginning of the file. */
  readonly head: Buffer
  /** Takes plaintext, which stays the caller's to wipe. Returns what is sealed so far. */
  write(plaintext: Uint8Array): readonly Buffer[]
  /** The rest. Without it nothing opens the file whole. */
  end(): Buffer
  /** Overwrites all secrets of a file that is given up. */
  wipe(): void
}

/** A recipient that has it is taken for a certificate. */
export const pemBegin = '-----BEGIN '

/** Its message never repeats what somebody gave for a recipient: that may be a private key or an identity. */
export class NoRecipient extends Refusal {
  override readonly name = 'NoRecipient'
  constructor(message: string, options?: ErrorOptions) {
    super('bad-request', message, undefined, options)
  }
}
