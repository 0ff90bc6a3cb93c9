// Where the checkout is, and how the steps of a package run other programs.

import { execFile } from 'node:child_process'
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
