// The paths of the program's own files, and the command that calls it. A checkout runs the sources in their folders. The build
// (scripts/bundle.ts) puts all of them into one folder, dist/, and names each script of a thread or process after its file.

import path from 'node:path'

/** Whether this is a checkout, where Node runs TypeScript. An installed program is JavaScript. */
export const isSource = import.meta.url.endsWith('.ts')

/** The words with which a user calls this program. */
export const programCommand = isSource ? 'npm run -s mortise --' : 'mortise'

/** The scripts that run in threads and processes of their own: paths below src/, without the extension. */
export const scripts = [
  'core/crypto/pool-thread',
  'outside/rootkey/pkcs11/helper',
  'features/backup/backup-worker',
  'program/workers/kmip-worker',
  'program/workers/schema-worker',
  'outside/store/access/append-thread',
  'outside/store/sqlite/writer',
] as const

/** The URL to start a thread or a process with. */
export function scriptFile(name: (typeof scripts)[number]): URL {
  return new URL(isSource ? `../${name}.ts` : `./${path.basename(name)}.js`, import.meta.url)
}

/** The root of the checkout or of the package. */
export const programFolder = path.resolve(import.meta.dirname, isSource ? '../..' : '..')
