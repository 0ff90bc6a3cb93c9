// The packages that Mortise needs when it runs, as package-lock.json pins them, and the Node.js for each architecture.

import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
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
  readonly devOptional?: boolean
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

/** package-lock.json without what only development needs. */
export function lockOfProduction(): object {
  const packages = Object.entries(lock.packages).flatMap(([folder, line]) => {
    if (line.dev) return []
    const { devDependencies: _, ...kept } = line
    return [[folder, kept]]
  })
  return { ...lock, packages: Object.fromEntries(packages) as object }
}

/** In the order of their folders. */
export function productionPackages(): readonly LockedPackage[] {
  return Object.entries(lock.packages)
    .filter(([folder, line]) => folder !== '' && !line.dev && !line.optional && !line.devOptional)
    .map(([folder, line]) => locked(folder, line))
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

/** Neither needed by a program that runs nor asked for by a license. */
const leftOut =
  /\.(?:[cm]?ts|tsx|map|md|markdown|ico|html|sh)$|^(?:test|tests|benchmarks?|examples?|docs|\.github)$|^(?:\.|tsconfig|eslint|CNAME)|^bin\.js$/

/** Copies them as they lie in the checkout, below `target`. Throws if `npm ci` did not put them there. */
export function copyProduction(target: string): void {
  for (const { name, version, folder } of productionPackages()) {
    const source = path.join(root, folder)
    const manifest = path.join(source, 'package.json')
    const found = existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string })
    if (!found || found.version !== version)
      throw new Error(`${folder} is not ${name} ${version} of package-lock.json: run npm ci`)
    cpSync(source, path.join(target, folder), {
      recursive: true,
      dereference: true,
      filter: (file) =>
        file === source || !(leftOut.test(path.basename(file)) || path.basename(file) === 'node_modules'),
    })
  }
}

/** The text of its license. */
export function licenseOf({ folder }: LockedPackage): string | undefined {
  const source = path.join(root, folder)
  const file = readdirSync(source).find((name) => /^licen[cs]e/i.test(name))
  return file === undefined ? undefined : readFileSync(path.join(source, file), 'utf8')
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
