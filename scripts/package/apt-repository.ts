// An apt repository as a folder that any web server can hold: pool/ with the Debian packages, dists/stable/ with Packages, Release and, where
// there is a key, InRelease. Formats: https://wiki.debian.org/DebianRepository/Format. Needs Debian's dpkg-dev; to sign, gnupg.

import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { run, sha256OfFile } from './run.ts'

const architectures = ['amd64', 'arm64'] as const
const suite = 'stable'

export interface OpenPgpKey {
  /** The folder that GnuPG calls its home, with one secret key. */
  readonly home: string
}

export interface AptRepositoryOptions {
  /** Has the Debian packages. The folder `apt` is made in it. */
  readonly target: string
  /** Seconds since 1970. */
  readonly epoch: number
  /** null: the repository has no signature, and apt refuses it. */
  readonly key: OpenPgpKey | null
}

export async function buildAptRepository({ target, epoch, key }: AptRepositoryOptions): Promise<void> {
  const folder = path.join(target, 'apt')
  const pool = path.join(folder, 'pool')
  mkdirSync(pool, { recursive: true })
  for (const name of readdirSync(target).filter((one) => one.endsWith('.deb')))
    cpSync(path.join(target, name), path.join(pool, name))
  const dist = path.join(folder, 'dists', suite)
  for (const architecture of architectures) {
    const place = path.join(dist, 'main', `binary-${architecture}`)
    mkdirSync(place, { recursive: true })
    const listed = await run('dpkg-scanpackages', ['--arch', architecture, 'pool'], { cwd: folder })
    writeFileSync(path.join(place, 'Packages'), listed)
    writeFileSync(path.join(place, 'Packages.gz'), gzipSync(listed, { level: 9 }))
  }
  writeFileSync(path.join(dist, 'Release'), await release(dist, epoch))
  if (key !== null) await sign(folder, dist, epoch, key)
}

async function release(dist: string, epoch: number): Promise<string> {
  const files = architectures.flatMap((one) =>
    ['Packages', 'Packages.gz'].map((name) => `main/binary-${one}/${name}`),
  )
  const sums = await Promise.all(
    files.map(async (name) => {
      const file = path.join(dist, name)
      return ` ${await sha256OfFile(file)} ${String(readFileSync(file).length)} ${name}\n`
    }),
  )
  return [
    'Origin: Mortise\n',
    'Label: Mortise\n',
    `Suite: ${suite}\n`,
    `Codename: ${suite}\n`,
    `Date: ${new Date(epoch * 1000).toUTCString().replace('GMT', 'UTC')}\n`,
    `Architectures: ${architectures.join(' ')}\n`,
    'Components: main\n',
    'Description: Mortise, a key server for VMware vSphere and vSAN\n',
    'SHA256:\n',
    ...sums,
  ].join('')
}

/** InRelease, and the public key beside the repository. */
async function sign(folder: string, dist: string, epoch: number, key: OpenPgpKey): Promise<void> {
  await clearSign(path.join(dist, 'Release'), path.join(dist, 'InRelease'), epoch, key)
  const asc = await run('gpg', ['--homedir', key.home, '--batch', '--armor', '--export'], { cwd: folder })
  writeFileSync(path.join(folder, 'mortise.asc'), asc)
}

/**
 * Signs a text file as of `epoch`, seconds since 1970. The time of the commit stands in the place of now: a key with an Ed25519
 * signature then gives the same bytes again. GnuPG refuses a key that was made after that time.
 */
export async function clearSign(
  file: string,
  output: string,
  epoch: number,
  { home }: OpenPgpKey,
): Promise<void> {
  const time = `--faked-system-time=${String(epoch)}!`
  const options = ['--homedir', home, '--batch', '--yes', time, '--digest-algo', 'SHA512', '--output', output]
  await run('gpg', [...options, '--clear-sign', file], { cwd: path.dirname(file) })
}
