// Limits the bytes of large messages and answers, and of what else waits on connections, that the listener holds at one time. One
// subnet gets at most as much as it leaves free, so others always have room. A few bytes of a connection need no budget: the
// number of connections bounds them.

/** Bytes that wait on one connection count if they are more: those that were not read yet, and answers that the peer does not take. */
const waitingBytesFree = 16 * 1024

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

  /** Returns false if the bytes do not fit; then nothing is reserved. */
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

/** The bytes that one connection has reserved in the budget. */
export class HeldBytes {
  readonly #budget: Budget
  readonly #holder: string
  #bytes = 0
  #waitingBytes = 0
  #closed = false

  constructor(budget: Budget, holder: string) {
    this.#budget = budget
    this.#holder = holder
  }

  /** Returns false if the bytes do not fit. */
  hold(bytes: number): boolean {
    if (this.#closed || !this.#budget.reserve(this.#holder, bytes)) return false
    this.#bytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    if (bytes === 0) return
    const returned = Math.min(bytes, this.#bytes)
    this.#bytes -= returned
    this.#budget.release(this.#holder, returned)
  }

  /**
   * `toReadBytes` wait at the moment to be read, and `toSendBytes` for the peer to take them, of which answers are held already. A few bytes
   * count as none. Returns false if they do not fit.
   */
  wait(toReadBytes: number, toSendBytes: number): boolean {
    const answerBytes = this.#bytes - this.#waitingBytes
    const bytes = toReadBytes + Math.max(0, toSendBytes - answerBytes)
    const counted = bytes > waitingBytesFree ? bytes : 0
    const more = counted - this.#waitingBytes
    if (more > 0 && !this.hold(more)) return false
    this.#waitingBytes = counted
    if (more < 0) this.giveBack(-more)
    return true
  }

  /** Gives everything back, and holds no more. */
  close(): void {
    this.#closed = true
    this.giveBack(this.#bytes)
  }
}
