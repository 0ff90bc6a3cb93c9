// Asks a person to type a word again before a step that cannot be undone.

import { createInterface } from 'node:readline/promises'
import { UsageError, type World } from '../world.ts'

/** Whether the person typed one of `accepted`; an empty line is none, also where a name is empty. UsageError without a terminal. */
export async function confirmTyped(
  world: Pick<World, 'stdin' | 'stderr'>,
  question: string,
  accepted: readonly string[],
): Promise<boolean> {
  if (world.stdin.isTTY !== true)
    throw new UsageError('this cannot be undone, and without a terminal you cannot confirm it: add --yes')
  world.stderr.write(question)
  // Closed at the end: a terminal that is still read would keep the process from ending.
  using lines = createInterface({ input: world.stdin })
  for await (const line of lines) return line.trim() !== '' && accepted.includes(line.trim())
  return false
}
