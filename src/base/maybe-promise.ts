// The result of something that memory may answer at once. A promise where nothing waits costs a request more than the
// answer, so such functions return the plain value then. Callers `await` both alike.

export type MaybePromise<T> = T | Promise<T>

/** Goes on with the value: at once if it is there. Throws, or rejects, as either does. */
export function andThen<A, B>(value: MaybePromise<A>, goOn: (value: A) => MaybePromise<B>): MaybePromise<B> {
  return value instanceof Promise ? value.then(goOn) : goOn(value)
}

/** Does the work. If it throws, or rejects, goes on with the error. */
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
