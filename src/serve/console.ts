// The files of the console: from the package, or built from the checkout beside a server that serves already.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Console, ConsoleFile, ConsoleFiles } from '../admin/console.ts'

const packaged = path.resolve(import.meta.dirname, '../console')
const source = path.resolve(import.meta.dirname, '../../console/build.ts')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** Calls `failed` with the reason if it cannot be built. */
export function openConsole(failed: (error: unknown) => void): Console {
  if (existsSync(packaged)) {
    const files = readPackaged()
    return () => files
  }
  let built: ConsoleFiles | string | undefined
  building ??= build()
  building.then(
    (files) => (built = files),
    (error: unknown) => {
      built = 'The console could not be built; the log of the server says why.'
      failed(error)
    },
  )
  return () => built
}

/** One build for the whole process: tests start many servers. */
let building: Promise<ConsoleFiles> | undefined

async function build(): Promise<ConsoleFiles> {
  const { buildConsole } = (await import(source)) as { readonly buildConsole: () => Promise<ConsoleFiles> }
  return buildConsole()
}

function readPackaged(): ConsoleFiles {
  const files = new Map<string, ConsoleFile>()
  const add = (name: string, file: string) =>
    files.set(name, {
      bytes: new Uint8Array(readFileSync(file)),
      type: types[path.extname(file)] ?? 'application/octet-stream',
    })
  add('/', path.join(packaged, 'index.html'))
  for (const name of readdirSync(path.join(packaged, 'assets')))
    add(`/assets/${name}`, path.join(packaged, 'assets', name))
  return files
}
