// Runs work concurrently and waits for all of it, so that nothing continues unobserved after a failure.

/** Returns all values. Rejects with the first failure, after every one has ended. */
export async function together<const L extends readonly Promise<unknown>[]>(
  running: L,
): Promise<{ readonly [I in keyof L]: Awaited<L[I]> }> {
  const ended = await Promise.allSettled(running)
  const failed = ended.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  return Promise.all(running) as Promise<{ readonly [I in keyof L]: Awaited<L[I]> }>
}

/** Runs `work` for each, at most `most` at a time, in order. Waits like `together`. */
export async function forEach<T>(
  list: readonly T[],
  most: number,
  run: (one: T) => Promise<void>,
): Promise<void> {
  const left = list.values()
  const lanes = Array.from({ length: Math.min(most, list.length) }, async () => {
    for (const one of left) await run(one)
  })
  await together(lanes)
}
