// What each command asks of the server, and what it prints about the answer: the requests, the output, and the help pages are those
// that this folder keeps. Where one is meant to change, `MORTISE_TEST_KEEP=1 npm test -- program/cli.requests` writes them.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { examples } from '../support/server/examples.ts'
import {
  startAnsweringAdmin,
  type AnsweringAdmin,
  type AskedOfAdmin,
} from '../support/server/answering-admin.ts'
import { command } from '../support/server/command.ts'

const keeps = process.env['MORTISE_TEST_KEEP'] === '1'
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-requests-'))
let server: AnsweringAdmin
let asked: string[] = []
/** Every act needs a second person: the line ends in the mark. */
let waits = false
const mark = ' --wait-for-second'

function answer({ name, line, method, url, body }: AskedOfAdmin) {
  const bytes = line.media === 'application/octet-stream'
  asked.push(`${method} ${inOrder(url)}${body.length === 0 ? '' : ` ${sorted(body)}`}`)
  if (waits && method !== 'GET') {
    const waiting = { approval: examples.showApproval.answer, token: null }
    return { status: 202, type: 'application/json', body: JSON.stringify(waiting) }
  }
  const { answer: said } = examples[name as keyof typeof examples] as { answer: unknown }
  const text = typeof said === 'string' ? said : JSON.stringify(said)
  return { status: line.status, type: line.media, body: bytes ? 'x'.repeat(10) : text }
}

/** Requests are equal whatever the order of their fields. */
function sorted(body: Buffer): string {
  const text = body.toString('utf8')
  if (!text.startsWith('{')) return text
  const fields = Object.entries(JSON.parse(text) as object)
  return JSON.stringify(Object.fromEntries(fields.toSorted(([one], [other]) => (one < other ? -1 : 1))))
}

function inOrder(url: string): string {
  const [place = '', query] = url.split('?')
  return query === undefined ? place : `${place}?${query.split('&').toSorted().join('&')}`
}

const pem = `-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n`
const files: Readonly<Record<string, string>> = {
  'cert.pem': pem,
  'request.csr': pem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'),
  'api.key': 'an-api-key\n',
  password: 'secret\n',
  'keys.csv': 'kind,name,keyId\nvm,x,k\n',
}

before(async () => {
  server = await startAnsweringAdmin(answer)
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** One command line each; `@cert.pem` is a file. A word in quotes may hold spaces. */
const lines = readFileSync(path.join(import.meta.dirname, 'command-lines.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')

const wordsOf = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) =>
    (quoted ?? bare ?? '').replace(/^@/, `${folder}/`),
  )

async function runOf(line: string, json: boolean) {
  asked = []
  waits = line.endsWith(mark)
  const words = wordsOf(line.replace(mark, ''))
  const said = await command([...words, ...(json ? ['--json'] : [])], {
    data: server.data,
    terminal: true,
    input: 'production\n',
    nowMs: Date.parse('2026-03-02T12:00:00.000Z'),
  })
  const clean = (text: string) => text.replaceAll(server.data, 'DATA').replaceAll(folder, 'FOLDER')
  return { code: said.code, asked: asked.map(clean), stdout: clean(said.stdout), stderr: clean(said.stderr) }
}

type Kept = Readonly<Record<string, Awaited<ReturnType<typeof runOf>>>>

function sameAsKept(file: string, text: string): void {
  const kept = path.join(import.meta.dirname, file)
  if (keeps) writeFileSync(kept, text)
  try {
    if (file.endsWith('.txt')) assert.equal(text, readFileSync(kept, 'utf8'))
    else {
      const now = JSON.parse(text) as Kept
      const then = JSON.parse(readFileSync(kept, 'utf8')) as Kept
      for (const line of Object.keys(now)) assert.deepEqual(now[line], then[line], line)
      assert.deepEqual(Object.keys(now), Object.keys(then))
    }
  } catch (cause) {
    const keep = 'MORTISE_TEST_KEEP=1 npm test -- program/cli.requests'
    throw new Error(`test/program/${file} differs. If the change is meant: ${keep}, and look at its diff.`, {
      cause,
    })
  }
}

test('commands ask what they asked, and print what they printed', async () => {
  const runs: Record<string, Awaited<ReturnType<typeof runOf>>> = {}
  for (const line of lines) {
    runs[line] = await runOf(line, false)
    if ((runs[line]?.asked.length ?? 0) > 0) runs[`${line} --json`] = await runOf(line, true)
  }
  sameAsKept('command-requests.json', `${JSON.stringify(runs, null, 2)}\n`)
})

/** The commands in a help text. */
async function listed(...words: string[]): Promise<readonly string[]> {
  const { stdout } = await command([...words, '--help'])
  const [, list = ''] = stdout.split('Commands:\n')
  return [...list.matchAll(/^ {2}([\w-]+) /gm)].map(([, one = '']) => one).filter((one) => one !== 'help')
}

test('help pages say what they said', async () => {
  const pages: string[] = []
  const page = async (...words: string[]) => {
    const { stdout } = await command([...words, '--help'], { columns: 100 })
    pages.push(`$ mortise ${[...words, '--help'].join(' ')}\n${stdout}`)
  }
  await page()
  for (const noun of await listed()) {
    await page(noun)
    for (const verb of await listed(noun)) await page(noun, verb)
  }
  sameAsKept('help-pages.txt', pages.join('\n'))
})
