// Limits how many pieces of work run at once. Work that waits gets a slot in order of arrival.

export class Slots {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Waits for a slot. Returns the function that gives the slot back; call it once. */
  async take(): Promise<() => void> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    // A freed slot goes directly to the next piece of work that waits; `#running` stays the same.
    return () => {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}
