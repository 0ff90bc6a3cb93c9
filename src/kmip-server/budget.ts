// Limits the bytes of large messages and answers that the door holds at one time, over all connections. One subnet
// gets at most as much as it leaves free, so that there is always room for others. Small messages need no budget: the
// number of connections and their queues bound them.

export class Budget {
  readonly #bytesMax: number
  readonly #byHolder = new Map<string, number>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** False where the bytes do not fit; nothing is reserved then. */
  reserve(holder: string, bytes: number): boolean {
    const held = (this.#byHolder.get(holder) ?? 0) + bytes
    if (held > this.#bytesMax - this.#bytes - bytes) return false
    this.#byHolder.set(holder, held)
    this.#bytes += bytes
    return true
  }

  release(holder: string, bytes: number): void {
    const held = (this.#byHolder.get(holder) ?? 0) - bytes
    if (held > 0) this.#byHolder.set(holder, held)
    else this.#byHolder.delete(holder)
    this.#bytes -= bytes
  }
}
