// What `npm run package` builds, for tests that install it. A run of several files (scripts/test.ts) names a folder where the first of
// them puts it for the others, since it takes half a minute; a file that runs by itself builds its own.

import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { promisify } from 'node:util'
import { root } from '../repository/sources.ts'

const endings = { npm: '.tgz', amd64: '_amd64.deb', arm64: '_arm64.deb' }

/** The folder with at least these; all, when none is named, which takes less time than one after the other. */
export async function builtPackages(...wanted: readonly (keyof typeof endings)[]): Promise<string> {
  const folder = process.env['MORTISE_TEST_PACKAGES'] ?? own()
  const sums = path.join(folder, 'SHA256SUMS')
  // Written last.
  const done = existsSync(sums) ? readFileSync(sums, 'utf8') : ''
  const kinds = wanted.length === 0 ? (Object.keys(endings) as (keyof typeof endings)[]) : wanted
  const missing = kinds.filter((kind) => !done.includes(`${endings[kind]}\n`))
  if (missing.length > 0)
    await promisify(execFile)('npm', ['run', '-s', 'package', '--', '--out', folder, ...missing], {
      cwd: root,
    })
  return folder
}

/** The one whose name ends so. */
export function packageIn(folder: string, ending: string): string {
  const name = readdirSync(folder).find((one) => one.endsWith(ending))
  if (name === undefined) throw new Error(`${folder} has no package ${ending}`)
  return path.join(folder, name)
}

function own(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-packages-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
