// A computation over data that comes in one or more parts.

export interface Finished {
  readonly data?: Uint8Array | undefined
  readonly tag?: Uint8Array | undefined
  /** Whether the signature or MAC fits. Only verifications have this. */
  readonly valid?: boolean | undefined
}

/** Values that may come with the last part: the tag of a decryption, the MAC or signature to verify. */
export interface Ending {
  readonly tag?: Uint8Array | undefined
  readonly expected?: Uint8Array | undefined
}

export interface CryptoMachine {
  /** Takes a part, and returns the output so far. Throws CryptoErrors. */
  update(data: Uint8Array): Uint8Array
  /** Throws CryptoErrors. */
  finish(ending: Ending): Finished
}

/** The answer of `update` in a machine that has no output before `finish`: a signature, a MAC, a verification. */
export const nothingYet = new Uint8Array(0)
