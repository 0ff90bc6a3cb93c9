// The signatures of a release: SHA256SUMS over all files, and a detached signature of each file at its top, by OpenSSH (ssh-keygen -Y), which
// every administrator has. One line verifies: docs/install.md.

import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run, sha256OfFile } from './run.ts'

/** The name in `mortise-release.signers` for the key, and what its signatures are for. */
const identity = 'release@mortise'
const namespace = 'mortise-release'

/** Writes SHA256SUMS of every file in and below the folder. Returns the names at its top. */
export async function writeSums(folder: string): Promise<readonly string[]> {
  rmSync(path.join(folder, 'SHA256SUMS'), { force: true })
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .toSorted()
  const lines = await Promise.all(
    files.map(async (file) => `${await sha256OfFile(path.join(folder, file))}  ${file}\n`),
  )
  writeFileSync(path.join(folder, 'SHA256SUMS'), lines.join(''))
  return [...files.filter((file) => !file.includes('/')), 'SHA256SUMS']
}

/** Writes FILE.sig beside each file, and the public key as `mortise-release.signers`. `key`: OpenSSH's private key. */
export async function signFiles(folder: string, files: readonly string[], key: string): Promise<void> {
  const options = { cwd: folder }
  for (const file of files)
    await run(
      'ssh-keygen',
      ['-q', '-Y', 'sign', '-f', key, '-n', namespace, path.join(folder, file)],
      options,
    )
  const publicKey = (await run('ssh-keygen', ['-y', '-f', key], options)).trim()
  const line = `${identity} namespaces="${namespace}" ${publicKey}\n`
  writeFileSync(path.join(folder, 'mortise-release.signers'), line)
}
