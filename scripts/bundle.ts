// Builds the program into the folder that its argument names, as `npm run build` does (dist): one script for each thread and
// process, and the parts that they share. The packages of npm are in them, so that a start reads a hundred files where it would read
// a thousand. Beside them are a list of these packages (packages.json) and their licenses (LICENSES).

import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { scripts } from '../src/base/program-files.ts'
import { licenseTexts, lockedPackages } from './package/production.ts'
import { root } from './package/run.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder')
rmSync(folder, { recursive: true, force: true })

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['program/main', ...scripts].map((name) => `src/${name}.ts`),
  // All in one folder: src/base/program-files.ts looks for them beside itself.
  entryNames: '[name]',
  chunkNames: '[name]-[hash]',
  outdir: folder,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  metafile: true,
  // The same bytes where node_modules is a link.
  preserveSymlinks: true,
  // Native, or brought by whoever needs them.
  external: ['koffi', 'pg-native', '@aws-sdk/*', '@smithy/*'],
  // Older packages ask for Node's modules in this way.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)",
  },
  logLevel: 'warning',
})

// esbuild gives such a module no named exports.
for (const [file, { imports }] of Object.entries(metafile.inputs).filter(([name]) => name.startsWith('src/')))
  for (const { kind, path: other } of imports)
    if (kind === 'dynamic-import' && metafile.inputs[other]?.format === 'cjs')
      throw new Error(
        `${file} loads ${other}, which is CommonJS, when it runs: import it in a file of its own`,
      )

/** Each file below node_modules is in the folder of its package: `node_modules/pg`, `node_modules/@noble/curves`. */
const packageFolder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/
const folders = new Set<string>()
for (const { inputs } of Object.values(metafile.outputs))
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const [found] = packageFolder.exec(file) ?? []
    if (found !== undefined && bytesInOutput > 0) folders.add(found)
  }
const bundled = [...folders].toSorted()
const texts = licenseTexts(lockedPackages(bundled), { placeOf: () => 'dist', apacheAt: 'LICENSE' })
writeFileSync(path.join(folder, 'packages.json'), `${JSON.stringify(bundled, null, 2)}\n`)
writeFileSync(path.join(folder, 'LICENSES'), texts.join(`\n${'-'.repeat(80)}\n\n`))
