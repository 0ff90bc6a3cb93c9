// What docs/clients.md tells a user to set in Mortise for a client: the tests of real clients set just that.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../repository/sources.ts'

export interface DocumentedSettings {
  /** Flags of `mortise instance set`. */
  readonly instance: readonly string[]
  /** Values of `--allow`, in the order of the page: the first one is for the usual way to use the client. */
  readonly allow: readonly [string, ...string[]]
}

/** The settings in the line of the page's table that names the client. */
export function documentedSettings(client: string): DocumentedSettings {
  const row = rows().find(([, name]) => name?.startsWith(`[${client}](`))
  if (!row) throw new Error(`docs/clients.md has no line for ${client}`)
  const [, , , instance = '', allowed = ''] = row
  // The cell may also name a setting of the client, which has a colon.
  const [first, ...others] = codeIn(allowed).filter((code) => /^[A-Za-z,]+$/.test(code))
  if (first === undefined) throw new Error(`docs/clients.md names no --allow for ${client}`)
  return { instance: codeIn(instance).flatMap((code) => code.split(' ')), allow: [first, ...others] }
}

/** The clients of the table. */
export function documentedClients(): readonly string[] {
  return rows().flatMap(([, name]) => /^\[([^\]]+)\]\(/.exec(name ?? '')?.[1] ?? [])
}

function rows(): readonly (readonly string[])[] {
  const page = readFileSync(path.join(root, 'docs/clients.md'), 'utf8')
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()))
}

function codeIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)
}
