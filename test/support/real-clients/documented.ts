// What docs/clients.md tells a user to set in Mortise for a client: the tests of real clients set just that.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../repository/sources.ts'

export interface DocumentedSettings {
  /** Flags of `mortise instance set`. */
  readonly instance: readonly string[]
  /** The value of `--allow`. */
  readonly allow: string
}

/** The settings in the line of the page's table that has this word for `--for`. */
export function documentedSettings(product: string): DocumentedSettings {
  const row = rows().find(([, , word]) => word === `\`${product}\``)
  if (!row) throw new Error(`docs/clients.md has no line for ${product}`)
  const [, , , , instance = '', allowed = ''] = row
  const [allow, ...others] = codeIn(allowed)
  if (allow === undefined || others.length > 0)
    throw new Error(`docs/clients.md does not name one --allow for ${product}`)
  return { instance: codeIn(instance).flatMap((code) => code.split(' ')), allow }
}

/** The words for `--for` in the table. */
export function documentedProducts(): readonly string[] {
  return rows().flatMap(([, , word]) => codeIn(word ?? '').filter((code) => code !== '--for'))
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
