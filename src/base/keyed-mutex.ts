// Lets one holder per key in at a time, in order of arrival.

export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>()

  /** Waits until all earlier holders of this key have left. Returns the function that leaves. */
  async enter(key: string): Promise<() => void> {
    const before = this.#last.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last.set(key, promise)
    await before
    return () => {
      if (this.#last.get(key) === promise) this.#last.delete(key)
      resolve()
    }
  }

  /** Runs the work as the only holder of this key. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(key)
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
