// Runs the command that copies a backup elsewhere (`[backup] after`): without a shell, with the file's path as its last
// argument. Part of the composition root.

import { execFile } from 'node:child_process'
import { limits } from '../limits.ts'

const toldCharactersMax = 500

/** Null: it ended with 0. Otherwise why not, with the end of what it said. */
export function runAfter(
  [program = '', ...args]: readonly string[],
  file: string,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve) => {
    const options = {
      timeout: limits.backupAfterTimeoutMs,
      maxBuffer: 1024 * 1024,
      signal,
      encoding: 'utf8',
    } as const
    execFile(program, [...args, file], options, (error, _stdout, stderr) => {
      if (!error) return resolve(null)
      const said = stderr.trim().slice(-toldCharactersMax)
      const why = error.killed === true ? 'it did not end in time' : `it ended with ${String(error.code)}`
      resolve(said === '' ? `${program}: ${why}` : `${program}: ${why}: ${said}`)
    })
  })
}
