// A server cannot be its own upstream, nor that of its own upstream. Two that came to ask one another all the same answer in
// bounded time, and serve what they have meanwhile.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createKey, getKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../../src/outside/kmip-client/client.ts'
import { KmipRefused } from '../../src/outside/kmip-client/errors.ts'
import { startEmbedded, type ClientFiles, type EmbeddedServer } from '../support/server/server.ts'
import { until } from '../support/time/until.ts'

let [one, two]: EmbeddedServer[] = []
/** A client of each, which both trust. */
let client: ClientFiles

before(async () => {
  ;[one, two] = await Promise.all([startEmbedded(), startEmbedded()])
  client = await first().issue('vcenter')
})
after(async () => {
  await one?.[Symbol.asyncDispose]()
  await two?.[Symbol.asyncDispose]()
})

const first = () => one ?? assert.fail('not started')
const second = () => two ?? assert.fail('not started')

function kmip({ kmip: address, serverCertSha256: sha256 }: EmbeddedServer): KmipClient {
  return connectKmip({ addresses: [address], ...client.tls, trust: { by: 'fingerprint', sha256 } })
}

const named = ({ kmip: { host, port } }: EmbeddedServer, ...recognize: string[]) => {
  const as = ['--upstream-cert', client.certFile, '--upstream-key', client.keyFile]
  return ['instance', 'set', 'default', '--upstream', `kmip://${host}:${port}`, ...as, ...recognize]
}
const byFingerprint = (server: EmbeddedServer) =>
  named(server, '--upstream-fingerprint', server.serverCertSha256)

async function isRefused(server: EmbeddedServer, words: readonly string[], told: RegExp): Promise<void> {
  const { code, stderr } = await server.cli(...words)
  assert.equal(code, 1, stderr)
  assert.match(stderr, told)
  const { upstream } = (await server.json('instance', 'show', 'default')) as { upstream: unknown }
  assert.equal(upstream, null, 'nothing was kept')
}

test('a server is refused as its own upstream, by its certificate and by the question that comes back', async () => {
  await isRefused(
    first(),
    byFingerprint(first()),
    /this server's own certificate[^]*cannot be its own upstream/,
  )
  await isRefused(
    first(),
    named(first(), '--upstream-ca', client.caFile),
    /the question came back to this server: the upstream is this server itself/,
  )
})

test('a server whose upstream is this one is refused as its upstream', async () => {
  await second().trust('mover', client.tls.cert)
  await first().json(...byFingerprint(second()))
  await isRefused(second(), byFingerprint(first()), /it has this server as its own upstream/)
})

test('two that ask one another all the same answer in bounded time, ask once, and serve what they have', async () => {
  // The second asks as a client of an instance that has no upstream; then its certificate becomes one of the other instance.
  await first().json('client', 'remove', 'vcenter')
  await first().json('instance', 'create', 'other')
  const trusted = ['client', 'trust', '--cert', client.certFile, '--name']
  await first().json(...trusted, 'mover', '--instance', 'other')
  await second().json(...byFingerprint(first()))
  await first().json('client', 'remove', 'mover', '--instance', 'other')
  await first().json(...trusted, 'vcenter', '--instance', 'default')
  await using here = kmip(first())
  await using beside = kmip(first())
  await using there = kmip(second())
  const own = await createKey(beside)
  const begun = performance.now()
  let isRunning = true
  const looking = getKey(here, 'nobody-has-it')
    .then(
      () => assert.fail('it was answered'),
      (error: unknown) => error,
    )
    .finally(() => (isRunning = false))
  await getKey(beside, own)
  assert.ok(isRunning, 'what is here is served meanwhile')
  const error = await looking
  const seconds = (performance.now() - begun) / 1000
  assert.ok(error instanceof KmipRefused && error.reason === 'GeneralFailure', String(error))
  assert.ok(seconds < 30, `${seconds} s`)
  // It came over the other server: each was asked once by the other, and it ended there.
  await until(async () => (await asked(second())) >= 1)
  await until(async () => (await asked(first())) >= 2)
  const between = [await asked(first()), await asked(second())]
  assert.deepEqual((await getKey(there, await createKey(there))).material.length, 32)
  assert.deepEqual([await asked(first()), await asked(second())], between)
  assert.deepEqual(between, [2, 1])
})

/** How often the server was asked for the identifier that nobody has. */
async function asked(server: EmbeddedServer): Promise<number> {
  const entries = (await server.json('audit', 'list', '--limit', '1000')) as { object: string | null }[]
  return entries.filter(({ object }) => object === 'nobody-has-it').length
}
