// Where the program's own files are, and how it is called. A checkout runs the sources where they lie. The build (scripts/bundle.ts) puts all of them into
// one folder, dist/, each script of a thread or process under its own name.

import path from 'node:path'

/** Node runs TypeScript in a checkout only; what is installed is JavaScript. */
export const isSource = import.meta.url.endsWith('.ts')

/** The words with which a user calls this program. */
export const programCommand = isSource ? 'npm run -s mortise --' : 'mortise'

/** Threads and processes of their own run these: paths below src/, without the extension. */
export const scripts = [
  'core/crypto/pool-thread',
  'outside/rootkey/pkcs11/helper',
  'features/backup/backup-worker',
  'program/workers/kmip-worker',
  'outside/store/access/append-thread',
  'outside/store/sqlite/writer',
] as const

/** A thread or a process is started with this. */
export function scriptFile(name: (typeof scripts)[number]): URL {
  return new URL(isSource ? `../${name}.ts` : `./${path.basename(name)}.js`, import.meta.url)
}

/** The root of the checkout or of the package. */
export const programFolder = path.resolve(import.meta.dirname, isSource ? '../..' : '..')
