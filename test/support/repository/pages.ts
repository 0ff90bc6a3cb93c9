// The commands of a page in docs/, for tests that do what the page says, step by step.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './sources.ts'

/** The lines of the code blocks below a heading, in their order. */
export function commandsBelow(page: string, heading: string): readonly string[] {
  const text = readFileSync(path.join(root, page), 'utf8')
  const start = text.indexOf(`\n## ${heading}\n`)
  if (start === -1) throw new Error(`${page} has no heading ${heading}`)
  const end = text.indexOf('\n## ', start + 1)
  const section = text.slice(start, end === -1 ? undefined : end)
  return [...section.matchAll(/^```\n([\s\S]*?)^```$/gm)].flatMap(([, lines = '']) =>
    lines.split('\n').filter((line) => line !== ''),
  )
}
