// Costly work with a result that several callers may share. One run goes on at a time; all calls during a run share the next
// one, so that each result is of a time after its call.

export class JointRuns<T> {
  readonly #work: () => Promise<T>
  #last: Promise<unknown> = Promise.resolve()
  /** Begins when the last one ends. */
  #next: Promise<T> | undefined

  constructor(work: () => Promise<T>) {
    this.#work = work
  }

  /** The result of a run that begins after this call. */
  next(): Promise<T> {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined
      return this.#work()
    })
    this.#last = this.#next.catch(() => undefined)
    return this.#next
  }
}
