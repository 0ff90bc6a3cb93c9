// `npm run release -- VERSION`: makes everything that a release has, into release/ or the folder of --out: the npm package, the Debian
// packages, the appliance, the container image, an apt repository, lists of contents and licenses, the notes, SHA256SUMS and signatures.
// It signs only once each artefact was installed and has served a key. The maintainer has both keys; nothing here makes or keeps one.
//
//   --signing-key FILE    OpenSSH's private key (ssh-keygen -t ed25519); signs every file (FILE.sig)
//   --openpgp-home DIR    GnuPG's folder with the key of the apt repository
//   --unsigned            no signatures: for whoever has no key, as the forge's workflow
//   --without PART        leaves out ova, image or arm64; may stand several times
//   --skip-install        does not install the artefacts; only with --unsigned
//
// Needs root and the Debian packages of the areas package, container and release; the appliance also those of docs/appliance.md.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { argumentsOf, misused } from './arguments.ts'
import { buildAptRepository } from './package/apt-repository.ts'
import { notesOf } from './package/release-notes.ts'
import { version } from './package/production.ts'
import { root, run, sourceDateEpoch } from './package/run.ts'
import { signFiles, writeSums } from './package/signing.ts'
import { tryKeys } from './package/try-keys.ts'

const usage =
  'release -- VERSION [--out FOLDER] [--signing-key FILE --openpgp-home DIR | --unsigned [--skip-install]] [--without ova|image|arm64]'
const parts = ['npm', 'amd64', 'arm64', 'image', 'ova']
const { values, positionals } = argumentsOf(usage, {
  options: {
    out: { type: 'string', default: 'release' },
    'signing-key': { type: 'string' },
    'openpgp-home': { type: 'string' },
    unsigned: { type: 'boolean', default: false },
    without: { type: 'string', multiple: true, default: [] },
    'skip-install': { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const [wanted] = positionals
if (positionals.length !== 1) misused(usage, 'Name one version')
if (wanted !== version)
  misused(usage, `package.json says ${version}, not ${String(wanted)}: change it there first, by npm version`)
const keys = { signing: values['signing-key'], home: values['openpgp-home'] }
if (
  values.unsigned
    ? keys.signing !== undefined || keys.home !== undefined
    : keys.signing === undefined || keys.home === undefined
)
  misused(usage, 'Give both keys, or --unsigned')
if (values['skip-install'] && !values.unsigned)
  misused(usage, 'What was not installed is not signed: --skip-install needs --unsigned')
const unknown = values.without.filter((part) => !['ova', 'image', 'arm64'].includes(part))
if (unknown.length > 0) misused(usage, `--without takes ova, image or arm64, not ${unknown.join(', ')}`)
for (const file of [keys.signing, keys.home])
  if (file !== undefined && !existsSync(file)) misused(usage, `There is no ${file}`)

const changed = (await run('git', ['status', '--porcelain'], { cwd: root })).trim()
if (changed !== '' && !values.unsigned) {
  process.stderr.write(`A release is made of a commit, and these files differ from it:\n${changed}\n`)
  process.exit(1)
}
const target = path.resolve(values.out)
if (existsSync(target) && readdirSync(target).length > 0) misused(usage, `${target} is not empty`)
mkdirSync(target, { recursive: true })
const epoch = await sourceDateEpoch()
if (keys.signing !== undefined && keys.home !== undefined)
  await tryKeys({ signing: path.resolve(keys.signing), home: path.resolve(keys.home) }, epoch).catch(
    (error: Error) => {
      process.stderr.write(`${error.message}\n`)
      process.exit(1)
    },
  )
const made = parts.filter((part) => !values.without.includes(part))

step(`building ${made.join(', ')}`)
await follow('npm', ['run', '-s', 'package', '--', '--out', target, ...made])
writeFileSync(path.join(target, 'LICENSES'), readFileSync(path.join(root, 'dist/LICENSES')))
writeFileSync(
  path.join(target, 'RELEASE-NOTES.md'),
  notesOf(readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8'), version),
)
if (!values['skip-install']) {
  step('installing each artefact, and fetching a key from it')
  // The tests take their packages from this folder.
  const tests = ['package', ...(made.includes('image') ? ['container'] : [])]
  await follow('npm', ['run', '-s', 'test:real', '--', ...tests], {
    MORTISE_TEST_PACKAGES: target,
    CI: 'true',
  })
  if (made.includes('ova'))
    await follow('npm', [
      'run',
      '-s',
      'ova-check',
      '--',
      '--ova',
      path.join(target, `mortise_${version}_amd64.ova`),
    ])
}
step('the apt repository')
await buildAptRepository({
  target,
  epoch,
  key: keys.home === undefined ? null : { home: path.resolve(keys.home) },
})
const files = await writeSums(target)
if (keys.signing !== undefined) {
  step('signing')
  await signFiles(target, files, path.resolve(keys.signing))
}
for (const file of readdirSync(target).toSorted()) process.stdout.write(`${path.join(target, file)}\n`)

function step(what: string): void {
  process.stderr.write(`== ${what}\n`)
}

/** Runs a program whose output goes where ours does. Ends this one with 1 if it fails. */
async function follow(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch), ...env },
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return
  process.stderr.write(
    `${program} ${args.join(' ')} failed: nothing is signed, and ${target} is no release\n`,
  )
  process.exit(1)
}
