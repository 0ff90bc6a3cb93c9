// Repeatable chance: the same seed gives the same site and the same jitter, whatever runs first. Never use it for keys
// or anything else that must not be guessed.

export class Chance {
  readonly #seed: number
  #state: number

  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#state = this.#seed
  }

  /** A generator of its own for this purpose, so that concurrent work does not draw from the same sequence. */
  for(purpose: string): Chance {
    // FNV-1a
    let hash = 0x811c9dc5 ^ this.#seed
    for (const byte of Buffer.from(purpose)) hash = Math.imul(hash ^ byte, 0x01000193)
    return new Chance(hash)
  }

  /** 0 to 1, excluding 1 (Mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An identifier as vSphere writes those of hosts and virtual machines. */
  uuid(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.next() * 16).toString(16)).join('')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
}
