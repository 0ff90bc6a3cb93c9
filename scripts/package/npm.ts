// The npm package: what `npm install --global` puts on a machine. The packages that it needs are in its scripts. Beside the files that
// package.json names it has the list of its manual pages, which npm wants in package.json, and npm-shrinkwrap.json, so that the
// optional packages that npm installs beside it are those that package-lock.json pins by hash.

import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { lockOfOptional, version } from './production.ts'
import { root, run } from './run.ts'
import { sbom } from './sbom.ts'

export const npmFile = `mortise-${version}.tgz`

interface Manifest {
  readonly files: readonly string[]
  readonly [field: string]: unknown
}

/** `work` is temporary. It expects dist/ to be built. */
export async function buildNpm(target: string, work: string): Promise<void> {
  const tree = path.join(work, 'npm')
  mkdirSync(tree)
  const text = readFileSync(path.join(root, 'package.json'), 'utf8')
  const manifest = publishedManifest(JSON.parse(text) as Manifest)
  for (const name of ['LICENSE', 'README.md', ...manifest.files])
    cpSync(path.join(root, name), path.join(tree, name), { recursive: true })
  const man = ['man1', 'man5'].flatMap((section) =>
    readdirSync(path.join(tree, 'dist/share/man', section))
      .toSorted()
      .map((file) => `dist/share/man/${section}/${file}`),
  )
  writeFileSync(path.join(tree, 'package.json'), json({ ...manifest, man }))
  writeFileSync(path.join(tree, 'npm-shrinkwrap.json'), json(lockOfOptional()))
  // npm keeps the modes, which depend on who made the checkout.
  for (const name of readdirSync(tree, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(tree, name)
    chmodSync(file, name === 'bin/mortise.js' || statSync(file).isDirectory() ? 0o755 : 0o644)
  }
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', target], { cwd: tree })
  writeFileSync(path.join(target, `${npmFile}.cdx.json`), sbom(['x64', 'arm64'], { hsms: true }))
}

function publishedManifest(manifest: Manifest): Manifest {
  const left = ['scripts', 'dependencies', 'devDependencies', 'allowScripts']
  return Object.fromEntries(Object.entries(manifest).filter(([name]) => !left.includes(name))) as Manifest
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
