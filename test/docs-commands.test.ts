// Commands in the documentation are commands that there are, with flags that they have.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { printedPages } from '../scripts/printed-pages.ts'
import { command } from './support/server/command.ts'

const root = path.join(import.meta.dirname, '..')
const pages = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(path.join(root, 'docs')).map((file) => `docs/${file}`),
  'docs/es/from-kmip-for-vmware.md',
].filter((file) => file.endsWith('.md') && !/admin-api|configuration|kmip-conformance/.test(file))

/** `mortise key list --state Active` and the like: in backticks, and lines of code blocks, `\` at the end joined. */
function commandsIn(page: string): string[] {
  const text = readFileSync(path.join(root, page), 'utf8').replaceAll(/\\\n\s*/g, ' ')
  const found = text.matchAll(/(?:^\s*|`|\(|, )(?:npm run -s mortise -- |mortise )([a-z][^`\n#]*)/gm)
  return [...found].map(([, words = '']) => words)
}

/** The words before the first that is an argument or a flag, and the flags. */
function parts(text: string): { readonly words: readonly string[]; readonly flags: readonly string[] } {
  const all = text.split(/\s+/)
  const end = all.findIndex((word) => !/^[a-z][a-z-]*$/.test(word))
  const flags = all.map((word) => /^\[?(--[a-z][a-z-]*)/.exec(word)?.[1]).filter((flag) => flag !== undefined)
  return { words: end === -1 ? all : all.slice(0, end), flags }
}

const helps = new Map<string, Promise<string>>()
async function help(words: readonly string[]): Promise<string> {
  const name = words.join(' ')
  const known = helps.get(name) ?? command([...words, '--help']).then(({ stdout }) => stdout)
  helps.set(name, known)
  return known
}

/** The help of the command that these words begin with: what follows are arguments. */
async function helpOf(words: readonly string[]): Promise<string | undefined> {
  for (let length = Math.min(words.length, 2); length > 0; length--) {
    const text = await help(words.slice(0, length))
    if (text.startsWith(`Usage: mortise ${words.slice(0, length).join(' ')} `)) return text
  }
  return undefined
}

for (const page of pages)
  test(`${page}: every command is there, with its flags`, async () => {
    for (const text of commandsIn(page)) {
      const { words, flags } = parts(text)
      const said = await helpOf(words)
      assert.ok(said !== undefined, `mortise ${text}`)
      for (const flag of flags) assert.match(said, new RegExp(`${flag}\\b`), `mortise ${text}`)
    }
  })

for (const [page, print] of Object.entries(printedPages))
  test(`${page} is current; otherwise: npm run docs`, async () => {
    assert.equal(readFileSync(path.join(root, page), 'utf8'), await print())
  })

const blocksOf = (text: string) => [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, lines]) => lines)
const daysOf = (text: string) =>
  [...text.matchAll(/\b(\d{1,2}) (?:de )?(?:December|January|March|diciembre|enero|marzo)/g)].map(
    ([, day]) => day,
  )

test('the Spanish page of the change-over has the commands, the steps and the dates of the English one', () => {
  const english = readFileSync(path.join(root, 'docs/from-kmip-for-vmware.md'), 'utf8')
  const spanish = readFileSync(path.join(root, 'docs/es/from-kmip-for-vmware.md'), 'utf8')
  assert.ok(blocksOf(english).length > 10)
  assert.deepEqual(blocksOf(spanish), blocksOf(english))
  for (const pattern of [/^- \[ \]/gm, /^\| /gm, /^## (?:\d+\. )?/gm, /--[a-z][a-z-]+/g])
    assert.deepEqual(spanish.match(pattern), english.match(pattern), String(pattern))
  assert.deepEqual(daysOf(spanish), daysOf(english))
})
