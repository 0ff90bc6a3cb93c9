// Limits how many pieces of work run at once. Those that wait get a slot in order of arrival.

export class Slots {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Waits for a slot. Returns the function that gives it back; call it once. */
  async take(): Promise<() => void> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    // A freed slot goes directly to the next one waiting; the count stays the same.
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
