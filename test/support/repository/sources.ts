// Reads the project's own sources for test/tidy.test.ts: which files there are and what each imports. Works on text,
// which is enough since the formatter gives every import one shape.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../../..')

export interface Import {
  /** A path below the root such as `src/core/ports/store.ts`, or a package or `node:` module as written. */
  readonly target: string
  readonly typeOnly: boolean
}

export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly file: string
  readonly text: string
  readonly imports: readonly Import[]
}

/** All files below the folder whose name ends so, sorted. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .filter((file) => !file.includes('node_modules'))
    .toSorted()
}

export function readSources(folder: string, ending = '.ts'): Source[] {
  return filesBelow(folder, ending).map((file) => {
    const text = readFileSync(path.join(root, file), 'utf8')
    return { file, text, imports: importsOf(file, text) }
  })
}

/** Static, dynamic and worker imports (`new URL('./x.ts', import.meta.url)`). */
function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: string | undefined, typeOnly: boolean): void => {
    if (specifier === undefined) return
    const target = specifier.startsWith('.')
      ? path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier))
      : specifier
    found.push({ target, typeOnly })
  }
  for (const match of text.matchAll(/^(?:import|export)(\s+type)?\b[^'"`;]*?\bfrom\s*'([^']+)'/gm))
    add(match[2], match[1] !== undefined)
  for (const match of text.matchAll(/^import\s*'([^']+)'/gm)) add(match[1], false)
  for (const match of text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)) add(match[1], false)
  for (const match of text.matchAll(/new URL\(\s*['"`](\.[^'"`$]+)['"`],\s*import\.meta\.url/g))
    add(match[1], false)
  return found
}
