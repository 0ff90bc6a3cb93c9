// `npm run path-of-get`: the functions of src/ that one warmed Get runs through, from its first byte to its answer, in the
// thread that serves it. First those that docs/internals.md has a newcomer read, in its order, then the rest by file. V8's
// coverage counts. Exits with 1 if one of the first did not run.

import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { argumentsOf } from './arguments.ts'
import { encodeRequest } from '../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../src/wire/kmip/payload.ts'
import { accessMoveMs } from '../src/outside/store/access/bounds.ts'
import { clientCertificate } from '../test/support/certificates/certificates.ts'
import { openSession } from '../test/support/clients/kmip-session.ts'
import { startInProcess } from '../test/support/server/running.ts'

argumentsOf('path-of-get', {})
const root = `${import.meta.dirname}/..`
const source = pathToFileURL(`${root}/src/`).href
/** Enough for each lazy table to be made and each cache to be filled. */
const warmingGets = 20

/** The names of the functions that a Get runs, by file. */
async function functionsOfGet(): Promise<Map<string, readonly string[]>> {
  await using server = await startInProcess()
  const identity = await clientCertificate('self-signed')
  await server.trust('reader', identity)
  using first = await openSession(server.port, identity)
  await first.key('1.1')
  // The subnet is known now, so TLS reads the next connection itself.
  using session = await openSession(server.port, identity)
  const key = await session.key('1.1')
  const payload = encodeRequestPayload('Get', { UniqueIdentifier: key }, '1.1')
  const request = encodeRequest({ version: '1.1', items: [{ operation: 'Get', payload }] })
  for (let i = 0; i < warmingGets; i++) await session.exchange(request)
  // The access records of these move into the audit log meanwhile, and do not count.
  await sleep(10 * accessMoveMs)

  const inspector = new Session()
  inspector.connect()
  await inspector.post('Profiler.enable')
  await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  await inspector.post('Profiler.takePreciseCoverage')
  await session.exchange(request)
  const { result } = await inspector.post('Profiler.takePreciseCoverage')
  inspector.disconnect()
  const run = new Map<string, readonly string[]>()
  for (const { url, functions } of result) {
    const names = functions
      .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => functionName)
    if (url.startsWith(source) && names.length > 0) run.set(url.slice(source.length), names)
  }
  return run
}

/** The numbered list of docs/internals.md: `file`: `function` …; `function` … */
function functionsToRead(): readonly { readonly file: string; readonly functions: readonly string[] }[] {
  const text = readFileSync(`${root}/docs/internals.md`, 'utf8')
  return [...text.matchAll(/^\d+\. `([\w/-]+\.ts)`: (.*)$/gm)].map(([, file = '', told = '']) => ({
    file,
    functions: [...told.matchAll(/`(#?\w+)`/g)].map(([, name = '']) => name),
  }))
}

const run = await functionsOfGet()
const toRead = functionsToRead()
const print = (file: string, names: readonly string[]): void => {
  process.stdout.write(`${file}: ${names.map((name) => name || '(unnamed)').join(', ')}\n`)
}
process.stdout.write('What to read, in this order:\n\n')
for (const { file, functions } of toRead) print(file, functions)
process.stdout.write('\nAll that runs:\n\n')
for (const [file, names] of run) print(file, names)
const count = [...run.values()].reduce((sum, names) => sum + names.length, 0)
process.stdout.write(`\n${toRead.length} files to read; ${run.size} files, ${count} functions run\n`)
for (const { file, functions } of toRead) {
  const idle = functions.filter((name) => !run.get(file)?.includes(name))
  if (idle.length === 0) continue
  process.exitCode = 1
  process.stderr.write(
    `A Get runs no ${idle.join(', ')} of ${file}: correct the list of docs/internals.md.\n`,
  )
}
