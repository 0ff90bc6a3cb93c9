// A result that memory can often give at once. A promise where nothing waits costs a request more than the answer does, so such
// functions return a plain value then. Callers `await` both forms.

export type MaybePromise<T> = T | Promise<T>

/** Passes the value on: at once, if it is not a promise. Throws or rejects as either part does. */
export function andThen<A, B>(value: MaybePromise<A>, goOn: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return value instanceof Promise ? value.then(goOn) : goOn(value)
}

/** Does the work. If the work throws or rejects, `goOn` gets the error. */
export function orElse<T>(
  work: () => MaybePromise<T>,
  goOn: (error: unknown) => MaybePromise<T>,
): MaybePromise<T> {
  try {
    const value = work()
    return value instanceof Promise ? value.catch(goOn) : value
  } catch (error) {
    return goOn(error)
  }
}
