// Writes what is installed beside the program into the folder that its argument names, as `npm run build` does (dist/share):
// mortise.toml with every option, manual pages, and completions for shells. SOURCE_DATE_EPOCH dates the pages; without it they
// have the day of the commit.

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { completionOf, shellNames } from '../src/doors/cli/completion.ts'
import { commandTree } from '../src/program/cli.ts'
import { makeWorld } from '../src/program/world.ts'
import { manPages } from './man-pages.ts'
import { sourceDateEpoch } from './package/run.ts'
import { exampleToml } from './print-configuration.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder')

const { stdin, stdout, stderr } = process
const notHere = () => Promise.reject(new Error('not here'))
const world = makeWorld({ stdin, stdout, stderr, whenServing: notHere, enterFips: notHere })
const program = await commandTree(world)
const date = new Date((await sourceDateEpoch()) * 1000).toISOString().slice(0, 10)

const files: Readonly<Record<string, string>> = {
  'mortise.toml': `# Every option of Mortise at its default. Remove the mark before a line to change it.\n\n${exampleToml('# ')}`,
  ...Object.fromEntries(
    shellNames.map((shell) => [`completions/mortise.${shell}`, completionOf(shell, program)]),
  ),
  ...Object.fromEntries(
    Object.entries(manPages(program, { version: world.version, date })).map(([name, text]) => [
      `man/${name}`,
      text,
    ]),
  ),
}

for (const [name, text] of Object.entries(files)) {
  const file = path.join(folder, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}
