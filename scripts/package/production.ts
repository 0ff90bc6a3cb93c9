// The packages of npm that are in what we publish, as package-lock.json pins them, and the Node.js for each architecture.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root, run } from './run.ts'

export interface LockedPackage {
  readonly name: string
  readonly version: string
  readonly license: string
  /** `sha512-…` of the archive in the registry. */
  readonly integrity: string
  readonly dependencies?: Readonly<Record<string, string>>
  /** Below the checkout: `node_modules/pino`. */
  readonly folder: string
}

interface LockLine extends Omit<LockedPackage, 'name' | 'folder'> {
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devDependencies?: object
}

const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
  readonly version: string
  readonly packages: Readonly<Record<string, LockLine>>
}

export const { version } = lock

const locked = (folder: string, line: LockLine): LockedPackage => ({
  ...line,
  name: folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length),
  folder,
})

/** package-lock.json with nothing but the optional packages that npm installs beside ours: all others are bundled. */
export function lockOfOptional(): object {
  const packages = Object.entries(lock.packages).flatMap(([folder, line]) => {
    if (folder !== '' && (line.dev || !line.optional)) return []
    const { devDependencies: _, ...kept } = line
    return [[folder, folder === '' ? { ...kept, dependencies: {} } : kept]]
  })
  return { ...lock, packages: Object.fromEntries(packages) as object }
}

/** The packages with code in dist/, as scripts/bundle.ts lists them, in the order of their folders. */
export function bundledPackages(): readonly LockedPackage[] {
  const folders = JSON.parse(readFileSync(path.join(root, 'dist/packages.json'), 'utf8')) as readonly string[]
  return lockedPackages(folders)
}

/** Throws if package-lock.json pins another version than `npm ci` has put there, or none. */
export function lockedPackages(folders: readonly string[]): readonly LockedPackage[] {
  return folders.map((folder) => {
    const line = lock.packages[folder]
    const manifest = path.join(root, folder, 'package.json')
    const { version: found } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }
    if (line?.version !== found)
      throw new Error(`${folder} is version ${found}, and not what package-lock.json pins: run npm ci`)
    return locked(folder, line)
  })
}

export function nodePackage(cpu: 'x64' | 'arm64'): LockedPackage {
  return optionalPackage(`node-linux-${cpu}`)
}

/** What calls the modules of HSMs, and the files of it that run: npm installs it where it can, a Debian package has it. */
export function hsmPackages(
  cpu: 'x64' | 'arm64',
): readonly (LockedPackage & { readonly files: readonly string[] })[] {
  return [
    {
      ...optionalPackage('koffi'),
      files: ['package.json', 'index.js', 'src/koffi/index.js', 'src/koffi/src/static.js'],
    },
    {
      ...optionalPackage(`@koromix/koffi-linux-${cpu}`),
      files: ['package.json', 'index.js', `linux_${cpu}/koffi.node`],
    },
  ]
}

function optionalPackage(name: string): LockedPackage {
  const folder = `node_modules/${name}`
  const line = lock.packages[folder]
  if (line === undefined) throw new Error(`package-lock.json has no ${folder}`)
  return locked(folder, line)
}

const apache = 'Licensed under the Apache License 2.0'

/** For each package its name, where it is, and the text of its license. `apacheAt`: where the Apache License is, in place of its text. */
export function licenseTexts(
  packages: readonly LockedPackage[],
  { placeOf, apacheAt }: { readonly placeOf: (one: LockedPackage) => string; readonly apacheAt: string },
): readonly string[] {
  return packages.map((one) => {
    const title = `${one.name} ${one.version} (${one.license}), in ${placeOf(one)}`
    const text = one.license === 'Apache-2.0' ? `${apache}: ${apacheAt}` : licenseOf(one)
    return `${title}\n\n${text}\n`
  })
}

function licenseOf({ folder }: LockedPackage): string {
  const source = path.join(root, folder)
  const file = readdirSync(source).find((name) => /^licen[cs]e/i.test(name))
  return file === undefined ? '' : readFileSync(path.join(source, file), 'utf8').replaceAll('\r', '').trim()
}

/** Fetches a package from the registry (or npm's cache), and compares it with package-lock.json; the path of its archive. */
export async function fetchPackage(wanted: LockedPackage, folder: string): Promise<string> {
  const args = ['pack', `${wanted.name}@${wanted.version}`, '--json', '--prefer-offline', '--ignore-scripts']
  const told = JSON.parse(await run('npm', args, { cwd: folder })) as unknown
  const [packed] = (Array.isArray(told) ? told : Object.values(told as object)) as [{ filename: string }]
  const archive = path.join(folder, packed.filename)
  const digest = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
  if (digest !== wanted.integrity)
    throw new Error(`${wanted.name} ${wanted.version} is not what package-lock.json pins: ${digest}`)
  return archive
}
