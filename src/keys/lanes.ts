// Lanes: work on one object that met a concurrent change goes on one behind the other. Without them a crowd on one
// object would all try again at once, one would win each time, and the last would never get there. Work that meets
// nobody takes no lane and waits for nobody.

export class Lanes {
  readonly #last = new Map<string, Promise<void>>()

  /** Resolves, with the function to leave by, when all that entered this lane before have left. */
  async enter(lane: string): Promise<() => void> {
    const before = this.#last.get(lane)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last.set(lane, promise)
    await before
    return () => {
      if (this.#last.get(lane) === promise) this.#last.delete(lane)
      resolve()
    }
  }
}
