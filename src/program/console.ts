// The files of the console: from the package, or built from the checkout for the first request of a page, so that no
// start waits for it.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Console, ConsoleFile, ConsoleFiles } from '../doors/http/console.ts'
import { isSource, programFolder } from '../base/program-files.ts'

const packaged = path.join(programFolder, 'dist/console')
const source = path.join(programFolder, 'console/build.ts')

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** After a failure the next request tries again. */
export function openConsole(): Console {
  let files: Promise<ConsoleFiles> | undefined
  return async () => {
    try {
      return await (files ??= load())
    } catch (error) {
      files = undefined
      throw error
    }
  }
}

async function load(): Promise<ConsoleFiles> {
  return isSource ? build() : readPackaged()
}

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
