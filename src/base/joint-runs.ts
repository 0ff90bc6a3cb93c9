// Lets callers share the result of costly work. Only one run goes on at a time. All calls made during a run share the next run,
// so that no caller gets a result older than its call.

export class JointRuns<T> {
  readonly #work: () => Promise<T>
  #last: Promise<unknown> = Promise.resolve()
  /** The run that begins when the last one ends. Undefined: no call waits. */
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
