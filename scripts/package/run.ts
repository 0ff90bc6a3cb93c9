// Where the checkout is, and what several steps of a package need: to run other programs, to know the time, to hash files.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

export const root = path.resolve(import.meta.dirname, '../..')

/** What it printed. Rejects with what it complained about if it failed. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { ...options, maxBuffer: 1 << 26 })
  return stdout
}

/** Seconds since 1970: SOURCE_DATE_EPOCH, otherwise the time of the commit; without both, an error. */
export async function sourceDateEpoch(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH']
  const text = given ?? (await run('git', ['log', '-1', '--format=%ct'], { cwd: root })).trim()
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw new Error(`SOURCE_DATE_EPOCH is "${text}" and no number of seconds`)
}

/** Lower-case hexadecimal. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
