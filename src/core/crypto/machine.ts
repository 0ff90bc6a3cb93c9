// A computation over data that comes in one or more parts.

export interface Finished {
  readonly data?: Uint8Array | undefined
  readonly tag?: Uint8Array | undefined
  /** Whether the signature or MAC fits. Only verifications have this. */
  readonly valid?: boolean | undefined
}

/** The last part may bring it: the tag of a decryption, the MAC or signature to verify. */
export interface Ending {
  readonly tag?: Uint8Array | undefined
  readonly expected?: Uint8Array | undefined
}

export interface Machine {
  /** Takes a part, and returns what can leave already. Throws CryptoErrors. */
  update(data: Uint8Array): Uint8Array
  /** Throws CryptoErrors. */
  finish(ending: Ending): Finished
}

/** A machine that says nothing before its end. */
export const nothingYet = new Uint8Array(0)
