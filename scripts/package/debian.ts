// The Debian packages: lays out what is installed in a folder, and has dpkg-deb pack it. The scripts, the unit and the texts are in
// packaging/debian/; package.json says the version. It expects dist/ to be built.

import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  lutimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import {
  bundledPackages,
  fetchPackage,
  hsmPackages,
  licenseTexts,
  nodePackage,
  version,
} from './production.ts'
import { root, run } from './run.ts'
import { sbom } from './sbom.ts'

export type DebianArchitecture = 'amd64' | 'arm64'
const cpus = { amd64: 'x64', arm64: 'arm64' } as const

export interface DebianOptions {
  readonly architecture: DebianArchitecture
  readonly target: string
  /** Temporary. */
  readonly work: string
  /** Seconds since 1970. */
  readonly epoch: number
}

const sources = path.join(root, 'packaging/debian')
const source = (name: string): string => readFileSync(path.join(sources, name), 'utf8')
const documents = 'usr/share/doc/mortise'
const scripts = ['preinst', 'postinst', 'prerm', 'postrm']

export async function buildDebian({ architecture, target, work, epoch }: DebianOptions): Promise<void> {
  const tree = path.join(work, `deb-${architecture}`)
  const cpu = cpus[architecture]
  await layProgram(tree, cpu, work)
  layConfiguration(tree)
  layDocuments(tree, epoch)
  layControl(tree, architecture)
  settle(tree, epoch)
  const file = path.join(target, debianFile(architecture))
  const args = [
    '--root-owner-group',
    '--uniform-compression',
    '-Zxz',
    '-z0',
    '--threads-max=1',
    '--build',
    tree,
    file,
  ]
  await run('dpkg-deb', args, { cwd: work, env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) } })
  writeFileSync(`${file}.cdx.json`, sbom([cpu], { hsms: true }))
  rmSync(tree, { recursive: true })
}

export function debianFile(architecture: DebianArchitecture): string {
  return `mortise_${version}_${architecture}.deb`
}

async function layProgram(tree: string, cpu: 'x64' | 'arm64', work: string): Promise<void> {
  const home = path.join(tree, 'usr/lib/mortise')
  mkdirSync(home, { recursive: true })
  for (const name of ['package.json', 'dist'])
    cpSync(path.join(root, name), path.join(home, name), { recursive: true })
  // They have places of their own.
  for (const name of ['share', 'LICENSES']) rmSync(path.join(home, 'dist', name), { recursive: true })
  const archive = await fetchPackage(nodePackage(cpu), work)
  const take = (member: string, ...how: string[]) =>
    run('tar', ['-xzf', archive, ...how, `package/${member}`], { cwd: home })
  await take('bin/node', '--strip-components=2')
  await take('LICENSE', '--strip-components=1')
  put(tree, `${documents}/node-LICENSE.gz`, compressed(readFileSync(path.join(home, 'LICENSE'), 'utf8')))
  rmSync(path.join(home, 'LICENSE'))
  for (const one of hsmPackages(cpu)) {
    const place = path.join(home, one.folder)
    mkdirSync(place, { recursive: true })
    const members = one.files.map((file) => `package/${file}`)
    const from = await fetchPackage(one, work)
    await run('tar', ['-xzf', from, '--strip-components=1', ...members], { cwd: place })
  }
  // Only /usr/bin/mortise starts it.
  const launcher = 'usr/lib/mortise/bin/mortise.js'
  put(tree, launcher, readFileSync(path.join(root, 'bin/mortise.js'), 'utf8').replace(/^#!.*\n/, ''))
  put(tree, 'usr/bin/mortise', source('mortise'))
}

function layConfiguration(tree: string): void {
  put(tree, 'etc/mortise/mortise.toml', source('mortise.toml'))
  put(tree, 'usr/lib/systemd/system/mortise.service', source('mortise.service'))
}

function layDocuments(tree: string, epoch: number): void {
  for (const name of [
    'docs',
    'README.md',
    'SECURITY.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
  ])
    cpSync(path.join(root, name), path.join(tree, documents, name), { recursive: true })
  put(tree, `${documents}/examples/credentials.conf`, source('credentials.conf'))
  put(tree, `${documents}/examples/mortise.toml`, readFileSync(path.join(root, 'dist/share/mortise.toml')))
  put(tree, `${documents}/copyright`, copyright())
  put(tree, `${documents}/changelog.gz`, compressed(changelog(epoch)))
  const share = path.join(root, 'dist/share')
  for (const name of ['man1', 'man5'])
    for (const file of readdirSync(path.join(share, 'man', name)))
      put(
        tree,
        `usr/share/man/${name}/${file}.gz`,
        compressed(readFileSync(path.join(share, 'man', name, file), 'utf8')),
      )
  const completions = {
    bash: 'bash-completion/completions/mortise',
    zsh: 'zsh/vendor-completions/_mortise',
    fish: 'fish/vendor_completions.d/mortise.fish',
  }
  for (const [shell, place] of Object.entries(completions))
    put(tree, `usr/share/${place}`, readFileSync(path.join(share, `completions/mortise.${shell}`)))
  put(tree, 'usr/share/lintian/overrides/mortise', source('lintian-overrides'))
}

function layControl(tree: string, architecture: DebianArchitecture): void {
  const files = filesBelow(tree)
  const kibibytes = files.reduce((sum, file) => sum + Math.ceil(lstatSync(file).size / 1024), 0)
  const values: Record<string, string> = {
    VERSION: version,
    ARCHITECTURE: architecture,
    INSTALLED_SIZE: String(kibibytes),
  }
  const control = source('control').replaceAll(/@([A-Z_]+)@/g, (_, name: string) => values[name] ?? name)
  put(tree, 'DEBIAN/control', control)
  for (const name of ['conffiles', 'templates', ...scripts]) put(tree, `DEBIAN/${name}`, source(name))
}

/** Modes and times do not depend on who builds, and when. */
function settle(tree: string, epoch: number): void {
  const executable = new Set([
    ...scripts.map((name) => `DEBIAN/${name}`),
    'usr/bin/mortise',
    'usr/lib/mortise/node',
  ])
  const entries = readdirSync(tree, { recursive: true, encoding: 'utf8' })
  for (const name of [...entries, '.']) {
    const file = path.join(tree, name)
    if (lstatSync(file).isSymbolicLink()) continue
    chmodSync(file, lstatSync(file).isDirectory() || executable.has(name) ? 0o755 : 0o644)
    lutimesSync(file, epoch, epoch)
  }
}

/** One text for all: what is in the package, and under which licenses. */
function copyright(): string {
  const apacheAt = '/usr/share/common-licenses/Apache-2.0'
  const bundled = licenseTexts(bundledPackages(), { placeOf: () => '/usr/lib/mortise/dist', apacheAt })
  const [koffi] = hsmPackages('x64')
  const others = licenseTexts(koffi ? [koffi] : [], {
    placeOf: ({ folder }) => `/usr/lib/mortise/${folder}`,
    apacheAt,
  })
  return [
    `Mortise\n\nCopyright the authors of Mortise.\nLicensed under the Apache License 2.0: ${apacheAt}\n`,
    'Node.js, in /usr/lib/mortise/node\n\nCopyright the contributors of Node.js. Its license, with those of what it contains: node-LICENSE.gz\n',
    ...bundled,
    ...others,
  ].join(`\n${'-'.repeat(80)}\n\n`)
}

function changelog(epoch: number): string {
  const maintainer = /^Maintainer: (.*)$/m.exec(source('control'))?.[1] ?? ''
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')
  return `mortise (${version}) unstable; urgency=medium\n\n  * What changed: CHANGELOG.md in this folder.\n\n -- ${maintainer}  ${date}\n`
}

function compressed(text: string): Buffer {
  return gzipSync(text, { level: 9 })
}

function put(tree: string, name: string, content: string | Buffer): void {
  const file = path.join(tree, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}
