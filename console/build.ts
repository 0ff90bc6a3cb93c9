// Builds the console: the page, its script and its style sheet, by path. A checkout builds it when somebody first asks for a page; `npm run
// build` writes it into the package (`node console/build.ts FOLDER`) and checks its size.

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, stop, type Plugin } from 'esbuild'
import { routes } from '../src/program/routes.ts'

/** What the first page may take, compressed. */
const compressedBytesMax = 300 * 1024

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

const inSource = (name: string) => path.join(import.meta.dirname, 'src', name)

/** The files by path; `/` is the page itself. */
export async function buildConsole(): Promise<
  ReadonlyMap<string, { bytes: Uint8Array<ArrayBuffer>; type: string }>
> {
  const { outputFiles } = await build({
    entryPoints: { console: inSource('main.tsx'), style: inSource('style.css') },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    outdir: '/assets',
    entryNames: '[name]',
    logLevel: 'silent',
    plugins: [routeTable],
  })
  // The process that built them serves for months.
  await stop()
  const files = new Map(
    outputFiles.map(({ path: name, contents }) => [
      assetName(name, contents),
      { bytes: new Uint8Array(contents), type: types[path.extname(name)] ?? 'application/octet-stream' },
    ]),
  )
  const named = (end: string) => [...files.keys()].find((name) => name.endsWith(end)) ?? ''
  const page = pageText(named('.js'), named('.css'))
  files.set('/', { bytes: new TextEncoder().encode(page), type: 'text/html; charset=utf-8' })
  return files
}

/** Named after what it holds alone: the hash of esbuild also depends on the folder in which it was built. */
function assetName(file: string, contents: Uint8Array): string {
  const { name, ext } = path.parse(file)
  return `/assets/${name}-${createHash('sha256').update(contents).digest('hex').slice(0, 12)}${ext}`
}

/** The bundle gets method, path and media of each route, not the schemas. */
const routeTable: Plugin = {
  name: 'route-table',
  setup: (steps) => {
    steps.onResolve({ filter: /^route-table$/ }, ({ path: name }) => ({
      path: name,
      namespace: 'route-table',
    }))
    steps.onLoad({ filter: /.*/, namespace: 'route-table' }, () => {
      const lines = Object.entries(routes).map(([name, { method, path: at, media }]) => [
        name,
        { method, path: at, media },
      ])
      return { contents: JSON.stringify(Object.fromEntries(lines)), loader: 'json' }
    })
  },
}

function pageText(script: string, style: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Mortise</title>
<link rel="stylesheet" href="${style}">
<script type="module" src="${script}"></script>
</head>
<body>
<div id="console"><p>Mortise is loading. If nothing more appears, this browser does not run its script.</p></div>
</body>
</html>
`
}

if (import.meta.main) {
  const [folder = 'dist/console'] = process.argv.slice(2)
  let compressedBytes = 0
  for (const [name, { bytes }] of await buildConsole()) {
    const file = path.join(folder, name === '/' ? 'index.html' : name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, bytes)
    compressedBytes += gzipSync(bytes).length
  }
  process.stdout.write(`the console takes ${Math.ceil(compressedBytes / 1024)} KiB, compressed\n`)
  if (compressedBytes > compressedBytesMax)
    throw new Error(`the console may take ${compressedBytesMax / 1024} KiB, compressed`)
}
