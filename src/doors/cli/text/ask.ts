// Asks a person on a terminal for a text, or for one that the terminal does not show.

import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { World } from '../world.ts'

type Terminal = Pick<World, 'stdin' | 'stderr'>

/** The line that the person types, without spaces around it; undefined where there is no terminal, or its input ended. */
export async function askLine(terminal: Terminal, question: string): Promise<string | undefined> {
  return (await ask(terminal, question, false))?.trim()
}

/** The line that the person types unseen; undefined where there is no terminal, or its input ended. */
export function askHidden(terminal: Terminal, question: string): Promise<string | undefined> {
  return ask(terminal, question, true)
}

async function ask(
  { stdin, stderr }: Terminal,
  question: string,
  isHidden: boolean,
): Promise<string | undefined> {
  if (stdin.isTTY !== true || !stdin.readable) return undefined
  stderr.write(question)
  // The terminal shows what is typed by itself, unless readline takes that over and writes it nowhere.
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() })
  using lines = createInterface({ input: stdin, ...(isHidden && { output: nowhere, terminal: true }) })
  const stopped = new Promise<undefined>((resolve) => {
    lines.once('SIGINT', () => resolve(undefined))
    lines.once('close', () => resolve(undefined))
  })
  const line = new Promise<string>((resolve) => lines.once('line', resolve))
  try {
    return await Promise.race([line, stopped])
  } finally {
    if (isHidden) stderr.write('\n')
  }
}
