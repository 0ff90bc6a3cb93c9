// A real Mortise, set as docs/clients.md says for a client, and a program that uses it as that client. The program tells one story after the
// other, as lines of JSON on its standard output, and ends at the first that goes wrong.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { settingsOf } from '../../../src/features/clients/products/product.ts'
import { productOf, type ProductName } from '../../../src/features/clients/products/table.ts'
import { startServer, type ClientFiles, type TestServer } from '../server/server.ts'
import { documentedSettings } from './documented.ts'
import { openRecordingRelay, type Recording } from './recording.ts'

export interface ClientSite {
  readonly server: TestServer
  readonly files: ClientFiles
  /** Where the client connects to. */
  readonly host: string
  readonly port: number
  /** A folder of its own, which is removed at the end. */
  readonly folder: string
}

export interface ClientProgram {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Runs before the program, on the new server, as an administrator would. Its texts follow `args`. */
  readonly prepare?: (site: ClientSite) => Promise<readonly string[]>
}

export interface ClientOptions {
  /** The word for `--for` in the table of docs/clients.md. */
  readonly product: string
  /** Fewer stories than that are a failure. */
  readonly leastStories: number
}

/** For `prepare`: what `client issue --for` prints for the product, as JSON: pairs of the place of a setting and its value. */
export function printedSettings(product: ProductName, { host, port, files }: ClientSite): string {
  const { certFile: certificate, keyFile: key, caFile: ca } = files
  const place = { host, port: String(port), address: `${host}:${port}`, certificate, key, ca }
  return JSON.stringify(settingsOf(productOf(product), place))
}

interface Story {
  readonly story: string
  readonly error: string | null
}

const programLimitMs = 5 * 60_000

/** Each story becomes a test of its own. A failure repeats the last answer before it, decoded. */
export async function tellStories(
  t: TestContext,
  options: ClientOptions,
  program: ClientProgram,
): Promise<void> {
  const stories = await withSite(options, (site) => runProgram(site, program))
  for (const { story, error } of stories)
    await t.test(story, async () => {
      if (error !== null) assert.fail(`${error}\n${await explain(options, program)}`)
    })
  if (stories.every(({ error }) => error === null))
    assert.ok(stories.length >= options.leastStories, `only ${stories.length} stories were told`)
}

/** Runs the program again, on a new server behind a relay that records. */
async function explain(options: ClientOptions, program: ClientProgram): Promise<string> {
  return withSite(options, async (site) => {
    await using relay = await openRecordingRelay(site)
    const stories = await runProgram({ ...site, port: relay.port, files: relay.files }, program)
    if (stories.every(({ error }) => error === null))
      return 'A second run, behind a recording relay, went well.'
    return lastExchange(relay.recording)
  })
}

export function lastExchange(recording: Recording): string {
  const last = recording.at(-1)
  return last === undefined
    ? 'Behind a recording relay the client sent no request.'
    : `The last request:\n${last.request}\nMortise's answer:\n${last.answer}`
}

/** Starts a server with the documented settings of the client, and issues the certificate with the documented `--allow`. */
async function withSite<T>(
  { product }: Pick<ClientOptions, 'product'>,
  use: (site: ClientSite) => Promise<T>,
): Promise<T> {
  const documented = documentedSettings(product)
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-client-'))
  try {
    await using server = await startServer()
    const command = async (...words: string[]) => {
      const { code, stdout, stderr } = await server.cli(...words)
      assert.equal(code, 0, `mortise ${words.join(' ')}\n${stderr}${stdout}`)
    }
    if (documented.instance.length > 0) await command('instance', 'set', 'default', ...documented.instance)
    const out = path.join(folder, 'issued')
    await command(
      'client',
      'issue',
      '--instance',
      'default',
      '--name',
      'client',
      '--out',
      out,
      '--allow',
      documented.allow,
    )
    mkdirSync(path.join(folder, 'work'))
    const site = { server, files: issuedFiles(out), folder: path.join(folder, 'work') }
    return await use({ ...site, host: server.kmip.host, port: server.kmip.port })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function issuedFiles(folder: string): ClientFiles {
  const [certFile, keyFile, caFile] = ['client.pem', 'client.key', 'ca.pem'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string]
  const [cert, key, ca] = [certFile, keyFile, caFile].map((file) => readFileSync(file, 'utf8')) as [
    string,
    string,
    string,
  ]
  return { folder, certFile, keyFile, caFile, tls: { cert, key, ca } }
}

async function runProgram(site: ClientSite, program: ClientProgram): Promise<readonly Story[]> {
  const more = (await program.prepare?.(site)) ?? []
  const { certFile, keyFile, caFile } = site.files
  const words = [...program.args, site.host, String(site.port), certFile, keyFile, caFile, ...more]
  const { stdout, stderr, code } = await run(program.command, words, {
    cwd: site.folder,
    env: { ...process.env, ...program.env },
  })
  const stories = stdout
    .split('\n')
    .filter((line) => line.startsWith('{"story"'))
    .map((line) => JSON.parse(line) as Story)
  if (code === 0 || stories.some(({ error }) => error !== null)) return stories
  return [...stories, { story: 'the program ends well', error: `exit code ${code}\n${stderr.slice(-4000)}` }]
}

function run(
  command: string,
  words: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: programLimitMs, maxBuffer: 64 * 1024 * 1024 }
    execFile(command, words, { ...options, ...limits }, (error, stdout, stderr) => {
      if (!error) resolve({ stdout, stderr, code: 0 })
      else if (typeof error.code === 'string') reject(error)
      else resolve({ stdout, stderr, code: error.code ?? 1 })
    })
  })
}
