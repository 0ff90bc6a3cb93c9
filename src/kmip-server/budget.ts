// How many bytes of large messages the door holds at one time, over all connections. Small messages need no
// budget: the number of connections and their queues bound them.

export class Budget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False where the bytes do not fit; nothing is reserved then. */
  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#bytes -= bytes
  }
}
