// So many pass at once; the others wait their turn, first come first served. Who ends what was begun before goes before
// those who begin: the first are done early, instead of all at the end.

export class Slots {
  #free: number
  readonly #ending: (() => void)[] = []
  readonly #beginning: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async use<T>(work: () => Promise<T>, { follows = false } = {}): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => (follows ? this.#ending : this.#beginning).push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#ending.shift() ?? this.#beginning.shift()
      if (next) next()
      else this.#free++
    }
  }
}
