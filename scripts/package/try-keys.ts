// Signs something with both keys of a release before anything is built: a key that cannot sign should not show only after an hour.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { clearSign } from './apt-repository.ts'
import { signFiles } from './signing.ts'

export interface ReleaseKeys {
  /** OpenSSH's private key. */
  readonly signing: string
  /** The folder that GnuPG calls its home. */
  readonly home: string
}

/** `epoch`: the time of the commit, seconds since 1970. Throws an Error that says which key cannot sign, why, and what to do. */
export async function tryKeys({ signing, home }: ReleaseKeys, epoch: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-try-keys-'))
  const file = path.join(folder, 'trial')
  writeFileSync(file, 'trial\n')
  try {
    await clearSign(file, `${file}.asc`, epoch, { home }).catch((error: unknown) => {
      const why = lastLine(error)
      const hint = String(error).includes('in the future')
        ? `it was made after the commit, which is of ${new Date(epoch * 1000).toISOString()}: take an older key, or commit once more`
        : 'gpg must sign with it without asking for a passphrase'
      throw new Error(`the OpenPGP key in ${home} cannot sign: ${hint} (${why})`, { cause: error })
    })
    await signFiles(folder, ['trial'], signing).catch((error: unknown) => {
      throw new Error(`the key ${signing} cannot sign: ${lastLine(error)}`, { cause: error })
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function lastLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1) ?? ''
}
