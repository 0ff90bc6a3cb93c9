// Asking a person to type something again before what cannot be undone.

import { createInterface } from 'node:readline/promises'
import { UsageError, type World } from './world.ts'

/** Whether one of `accepted` was typed. UsageError where there is nobody to ask. */
export async function confirmTyped(
  world: World,
  question: string,
  accepted: readonly string[],
): Promise<boolean> {
  if (world.stdin.isTTY !== true)
    throw new UsageError('this cannot be undone and there is no terminal to ask at: say so with --yes')
  world.stderr.write(question)
  const lines = createInterface({ input: world.stdin })
  for await (const line of lines) return accepted.includes(line.trim())
  return false
}
