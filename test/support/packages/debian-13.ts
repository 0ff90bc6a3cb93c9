// Parts of Debian 13 for tests on Debian 12, which lacks them or has them too old: scripts/tests/debian.ts extracts them.

import { globSync } from 'node:fs'
import path from 'node:path'

const folder = path.resolve(import.meta.dirname, '../../../node_modules/.cache/debian-13')

/** From here on this process and its children start Debian 13's programs, where they were extracted. */
export function preferDebian13(): void {
  process.env['PATH'] = `${path.join(folder, 'bin')}:${process.env['PATH']}`
}

/** By its pattern below the root of Debian 13; undefined where it was not extracted. */
export function fileOfDebian13(pattern: string): string | undefined {
  return globSync(path.join(folder, pattern))[0]
}
