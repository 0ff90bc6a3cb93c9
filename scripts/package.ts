// `npm run package`: builds what Mortise is installed from, into packages/ or the folder of --out: the npm package, the
// Debian packages, a list of what each contains, and SHA256SUMS of all. Words choose among them (`npm run package -- npm amd64`).
// `npm run package -- ova image` builds the appliance for VMware and the container image, which only root can, and only if they are named.
// The same commit gives the same bytes wherever and whenever it is built: times come from SOURCE_DATE_EPOCH, otherwise from the commit.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { argumentsOf, misused } from './arguments.ts'
import { openTemporaryFolder } from '../src/host/temporary-folder.ts'
import { buildAppliance } from './package/appliance.ts'
import { buildDebian, debianFile, type DebianArchitecture } from './package/debian.ts'
import { buildImage } from './package/image.ts'
import { buildNpm, npmFile } from './package/npm.ts'
import { root, run, sha256OfFile, sourceDateEpoch } from './package/run.ts'

const kinds: Readonly<Record<string, (target: string, work: string, epoch: number) => Promise<void>>> = {
  npm: buildNpm,
  amd64: (target, work, epoch) => debian('amd64', target, work, epoch),
  arm64: (target, work, epoch) => debian('arm64', target, work, epoch),
}

const usage = 'package -- [--out FOLDER] [npm] [amd64] [arm64] [ova] [image] [image-arm64]'
/** What is built only if it is named, with the package that is in it. */
const larger: Readonly<Record<string, string>> = { ova: 'amd64', image: 'npm', 'image-arm64': 'npm' }
const { values, positionals } = argumentsOf(usage, {
  options: { out: { type: 'string', default: 'packages' } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !Object.hasOwn(larger, name) && !Object.hasOwn(kinds, name))
if (unknown.length > 0) misused(usage, `No package is named ${unknown.join(', ')}`)
const inside = positionals.map((name) => larger[name])

const target = path.resolve(values.out)
await using temporary = await openTemporaryFolder('mortise-package-work-')
const work = temporary.folder
mkdirSync(target, { recursive: true })
const epoch = await sourceDateEpoch()
await run('npm', ['run', '-s', 'build'], {
  cwd: root,
  env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
})
const wanted = Object.entries(kinds).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name) || inside.includes(name),
)
await Promise.all(wanted.map(([, build]) => build(target, work, epoch)))
if (positionals.includes('ova'))
  await buildAppliance({ target, work, epoch, deb: path.join(target, debianFile('amd64')) })
const tarball = path.join(target, npmFile)
if (positionals.includes('image')) await buildImage({ architecture: 'amd64', target, work, epoch, tarball })
if (positionals.includes('image-arm64'))
  await buildImage({ architecture: 'arm64', target, work, epoch, tarball })
writeFileSync(path.join(target, 'SHA256SUMS'), await sums())

function debian(
  architecture: DebianArchitecture,
  folder: string,
  work: string,
  epoch: number,
): Promise<void> {
  return buildDebian({ architecture, target: folder, work, epoch })
}

/** As sha256sum writes it. */
async function sums(): Promise<string> {
  let lines = ''
  for (const name of readdirSync(target).toSorted()) {
    if (name === 'SHA256SUMS') continue
    process.stdout.write(`${path.join(target, name)}\n`)
    lines += `${await sha256OfFile(path.join(target, name))}  ${name}\n`
  }
  return lines
}
