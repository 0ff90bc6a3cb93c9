// Looks for bytes in files, in a process of its own: opening the database file beside SQLite in the same process
// would drop SQLite's locks when it is closed (POSIX). Arguments: files. Standard input: a JSON list of texts.
// Prints the JSON list of those that are found in any of the files.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

export function textsInFiles(texts: readonly string[], files: readonly string[]): string[] {
  const run = spawnSync(process.execPath, [import.meta.filename, ...files], {
    input: JSON.stringify(texts),
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(run.stderr)
  return JSON.parse(run.stdout) as string[]
}

if (import.meta.main) {
  const texts = JSON.parse(readFileSync(0, 'utf8')) as string[]
  const contents = process.argv
    .slice(2)
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file))
  const found = texts.filter((text) => contents.some((content) => content.includes(text)))
  process.stdout.write(JSON.stringify(found))
}
