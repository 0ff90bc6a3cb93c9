// Work that runs at the same time, and is waited for as a whole: nothing goes on behind anybody's back after a failure.

/** All of their values; rejects with the first failure once every one of them has ended. */
export async function together<const L extends readonly Promise<unknown>[]>(
  running: L,
): Promise<{ readonly [I in keyof L]: Awaited<L[I]> }> {
  const ended = await Promise.allSettled(running)
  const failed = ended.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
  return Promise.all(running) as Promise<{ readonly [I in keyof L]: Awaited<L[I]> }>
}

/** Runs it for each, at most `most` at a time, in order; waits as `together` does. */
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
