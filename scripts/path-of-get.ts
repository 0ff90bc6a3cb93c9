// `npm run path-of-get`: the files and functions of src/ that one warmed Get runs through, from its first byte to its
// answer, in the thread that serves it. The fewer there are, the sooner a newcomer has read them. V8's coverage counts.

import { Session } from 'node:inspector/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { encodeRequest } from '../src/kmip/client-message.ts'
import { encodeRequestPayload } from '../src/kmip/payload.ts'
import { limits } from '../src/limits.ts'
import { clientCertificate } from '../test/support/certificates.ts'
import { openSession } from '../test/support/kmip-session.ts'
import { startInProcess } from '../test/support/running.ts'

const source = pathToFileURL(`${import.meta.dirname}/../src/`).href
/** Enough for each lazy table to be made and each cache to be filled. */
const warmingGets = 20

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
await sleep(10 * limits.accessMoveMs)

const inspector = new Session()
inspector.connect()
await inspector.post('Profiler.enable')
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
await inspector.post('Profiler.takePreciseCoverage')
await session.exchange(request)
const { result } = await inspector.post('Profiler.takePreciseCoverage')
inspector.disconnect()

const files = result
  .filter(({ url }) => url.startsWith(source))
  .map(({ url, functions }) => ({
    file: url.slice(source.length),
    run: functions
      .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
      .map(({ functionName }) => functionName),
  }))
  .filter(({ run }) => run.length > 0)
for (const { file, run } of files)
  process.stdout.write(`${file}: ${run.map((name) => name || '(unnamed)').join(', ')}\n`)
const functions = files.reduce((sum, { run }) => sum + run.length, 0)
process.stdout.write(`\n${String(files.length)} files, ${String(functions)} functions\n`)
