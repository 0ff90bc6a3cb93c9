// Lets one holder per key in at a time, in order of arrival. Transactions that lost a race for one object retry behind
// each other: if all retried at once, one would win each round and the last would never finish. A transaction that
// meets no other takes no lock.

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
}
