// `mortise bench` against the real server: what it counts, that it leaves nothing behind, and how it says no. That the
// numbers are fast or slow is nobody's business here.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, suite, test } from 'node:test'
import { Fault } from '../../src/wire/kmip/fault.ts'
import { bench, type BenchOptions, type BenchReport } from '../../src/tools/vsphere/bench.ts'
import type { Comparison } from '../../src/tools/vsphere/bench-compare.ts'
import { parseMix, roundOf, type Mix } from '../../src/tools/vsphere/bench-mix.ts'
import { Times } from '../../src/tools/vsphere/bench-tally.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { openOldKmipServer } from '../support/old-kmip-server/fake.ts'
import {
  overridden,
  startEmbedded,
  startServer,
  type CommandResult,
  type EmbeddedServer,
} from '../support/server/server.ts'

const server = await startEmbedded()
const files = await server.issue('bench')
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-bench-'))
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

const { certFile, keyFile, caFile } = files
const address = `127.0.0.1:${server.kmip.port}`
const access = ['--server', address, '--cert', certFile, '--key', keyFile, '--ca', caFile]
const short = ['--duration', '0.4', '--warm-up', '0.1', '--keys', '3', '--connections', '2']

function run(...words: string[]): Promise<CommandResult> {
  return command(overridden(['bench', ...access, ...short], words))
}

async function report(...words: string[]): Promise<BenchReport> {
  const { code, stdout, stderr } = await run('--json', ...words)
  assert.equal(code, 0, stderr + stdout)
  return JSON.parse(stdout) as BenchReport
}

async function destroyBenchKeys(): Promise<void> {
  const keys = (await server.json('key', 'list')) as readonly {
    readonly id: string
    readonly name: string | null
  }[]
  for (const { id } of keys) await server.json('key', 'destroy', id, '--yes')
}

async function liveKeys(): Promise<number> {
  const keys = await server.json('key', 'list')
  assert.ok(Array.isArray(keys))
  return keys.length
}

suite('a short run', { concurrency: false }, () => {
  test('as JSON: what was asked, how often, how fast, and nothing left', async () => {
    const result = await report('--mix', 'get=3,create=1', '--tls', '1.2')
    const { operations, requestsPerSecond, seconds, keys } = result
    assert.deepEqual(Object.keys(operations).toSorted(), ['create', 'get'])
    const { get, create } = operations
    assert.ok(get && create && create.count > 0)
    // Two lanes, each at most one round from the mix.
    assert.ok(Math.abs(get.count - 3 * create.count) <= 8, `${get.count} to ${create.count}`)
    const expected = (get.count + create.count) / seconds
    assert.ok(Math.abs(requestsPerSecond - expected) < 1, `${requestsPerSecond}, not ${expected}`)
    const { p50, p90, p99, p999, max } = get.latencyMs
    const rising = [0, p50, p90, p99, p999, max]
    assert.ok(
      rising.every((ms, index) => index === 0 || (ms !== null && ms >= (rising[index - 1] ?? 0))),
      String(rising),
    )
    assert.equal(result.ok, true)
    assert.equal(result.server, address)
    assert.equal(result.tls.version, 'TLSv1.2')
    assert.equal(result.pieces, null)
    assert.equal(result.handshakes.count, 0, 'connections are kept from the warm-up on')
    assert.deepEqual([result.failed, result.failures], [0, []])
    assert.ok(keys.made >= 3 + create.count)
    assert.deepEqual(keys, { made: keys.made, destroyed: keys.made, left: 0 })
    assert.equal(await liveKeys(), 0)
  })

  for (const tls of ['1.2', '1.3'])
    test(`a connection for each piece, and resumed, with TLS ${tls}`, async () => {
      const full = await report('--per-work', '--mix', 'get,connect', '--tls', tls)
      assert.ok(full.pieces && full.pieces.count > 0)
      assert.equal(full.handshakes.count, full.pieces.count)
      assert.equal(full.handshakes.resumed, 0)
      assert.equal(full.tls.version, `TLSv${tls}`)
      const resumed = await report('--per-work', '--resume', '--mix', 'state', '--tls', tls)
      assert.ok(resumed.handshakes.count > 0)
      assert.equal(resumed.handshakes.resumed, resumed.handshakes.count)
    })

  test("vCenter's task: each on a connection of its own, with all its requests", async () => {
    const { operations, pieces, handshakes } = await report('--per-work', '--mix', 'task')
    assert.ok(pieces && pieces.count > 0)
    assert.deepEqual(Object.keys(operations).toSorted(), ['discover', 'get'])
    assert.equal(operations['get']?.count, pieces.count)
    assert.equal(handshakes.count, pieces.count)
  })

  test('Locate finds each key by its Name; a key that it does not find is a failure', async () => {
    const { operations, keys } = await report('--mix', 'locate=2,get=1')
    assert.deepEqual(Object.keys(operations).toSorted(), ['get', 'locate'])
    assert.deepEqual(keys, { made: 3, destroyed: 3, left: 0 })
    const destroyed = new AbortController()
    const { failures } = await bench({
      ...(await optionsFor(server, 'locating')),
      mix: mixOf('locate'),
      durationMs: 60_000,
      signal: destroyed.signal,
      onProgress: (phase) => {
        if (phase === 'measuring') void destroyBenchKeys().finally(() => destroyed.abort())
      },
    })
    assert.equal(failures[0]?.what, 'the key was not found')
  })

  test('at a fixed rate; and beside an earlier run', async () => {
    const earlier = await report('--mix', 'get', '--rate', '50')
    assert.equal(earlier.rate, 50)
    assert.ok(earlier.pieces && earlier.pieces.count <= 0.4 * 50 + 1, String(earlier.pieces?.count))
    const file = path.join(folder, 'earlier.json')
    writeFileSync(file, JSON.stringify(earlier))
    const same = await report('--mix', 'get', '--rate', '50', '--against', file)
    const { against } = same as unknown as { against: Comparison }
    assert.deepEqual(against.differs, [])
    assert.ok((against.ratios['get']?.p50 ?? 0) > 0)
    const other = await run('--mix', 'get', '--against', file)
    assert.match(other.stdout, /THIS RUN \/ EARLIER/)
    assert.match(other.stdout, /rate: 50 then, null now/)
    const old = path.join(folder, 'old.json')
    writeFileSync(old, '{"mix":"get=1","operations":{}}')
    for (const none of [certFile, old]) {
      const unread = await run('--mix', 'get', '--against', none)
      assert.match(unread.stderr, /is no report of a run/)
    }
  })

  test('no key is made that the client may not destroy, unless all are to stay', async (t) => {
    const set = ['client', 'set', 'bench', '--allow']
    t.after(() => server.json(...set, 'all'))
    await server.json(...set, 'vsphere')
    const before = await liveKeys()
    const { code, stderr } = await run('--mix', 'get')
    assert.equal(code, 1)
    assert.match(stderr, /may not ask for Destroy: .*client set bench --allow vsphere,Destroy.*\n.*--keep/)
    assert.equal(await liveKeys(), before)
    await report('--mix', 'get', '--keep')
  })

  test('for people, and with the keys kept', async () => {
    const before = await liveKeys()
    const { code, stdout } = await run('--keep', '--mix', 'query,discover,create')
    assert.equal(code, 0, stdout)
    for (const word of ['Requests:', 'query', 'discover', 'create', 'P99.9'])
      assert.match(stdout, new RegExp(word))
    assert.ok((await liveKeys()) > before)
  })

  test('the server goes away in the middle: a whole report, with what failed', async () => {
    await using other = await startServer()
    const options = await optionsFor(other)
    const running = bench({
      ...options,
      durationMs: 1_500,
      onProgress: (phase) => phase === 'measuring' && void other.kill(),
    })
    const { ok, failed, failures, keys } = await running
    assert.equal(ok, false)
    assert.ok(failed > 0)
    assert.equal(
      failures.reduce((sum, { count }) => sum + count, 0),
      failed,
    )
    assert.deepEqual(keys, { made: 3, destroyed: 0, left: 3 })
  })

  test('told to end early, it reports what it has', async () => {
    const options = await optionsFor(server)
    const result = await bench({ ...options, durationMs: 60_000, signal: AbortSignal.timeout(500) })
    assert.ok(result.seconds < 30)
    assert.equal(result.keys.left, 0)
    const { keys } = await bench({ ...options, keys: 50, signal: AbortSignal.abort() })
    assert.deepEqual(keys, { made: 0, destroyed: 0, left: 0 }, 'also while it makes its keys')
  })
})

async function optionsFor(which: EmbeddedServer, client = `bench-${which.kmip.port}`): Promise<BenchOptions> {
  const { kmip } = which
  const { tls } = await which.issue(client)
  return {
    address: kmip,
    ...tls,
    trust: { by: 'nothing' },
    mix: mixOf('get'),
    connections: 2,
    warmUpMs: 0,
    durationMs: 300,
    perWork: false,
    resume: false,
    keys: 3,
    keep: false,
  }
}

suite('no', () => {
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [['--mix', 'fly=1'], /no operation named "fly=1"/],
    [['--mix', 'get=0'], /not a share/],
    [['--mix', 'get,get'], /twice/],
    [['--mix', 'get=-1'], /no operation/],
    [['--mix', 'get=600,create=600'], /more than 1000/],
    [['--mix', 'connect'], /--per-work/],
    [['--mix', 'task'], /--per-work/],
    [['--rate', '0'], /1 to 1000000/],
    [['--resume'], /--per-work/],
    [['--tls', '1.1'], /1\.2 or 1\.3/],
    [['--duration', 'ten'], /seconds/],
    [['--connections', '0'], /1 to 10000/],
    [['--insecure'], /one of/],
  ]
  for (const [words, message] of wrong)
    test(`wrong use: ${words.join(' ')}`, async () => {
      const { code, stderr } = await run(...words)
      assert.equal(code, 2, stderr)
      assert.match(stderr, message)
    })

  test('a certificate that is not trusted: said at once, with a hint', async () => {
    const { tls } = await clientCertificate('self-signed')
    const [strange, secret] = [path.join(folder, 'stranger.pem'), path.join(folder, 'stranger.key')]
    writeFileSync(strange, tls.cert)
    writeFileSync(secret, tls.key)
    const { code, stdout, stderr } = await run('--cert', strange, '--key', secret, '--json')
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /AuthenticationNotSuccessful/)
    assert.match(stderr, /The certificate must belong to a client/)
  })

  test('a trusted client that may create no key: the hint is not about its certificate', async () => {
    const reader = await server.issue('reader')
    await server.json('client', 'set', 'reader', '--instance', 'default', '--allow', 'read,Destroy')
    const { code, stderr } = await run('--cert', reader.certFile, '--key', reader.keyFile)
    assert.equal(code, 1)
    assert.match(stderr, /Create was refused: PermissionDenied/)
    assert.doesNotMatch(stderr, /must belong/)
  })

  test('nobody there, and the wrong server', async () => {
    const nobody = await run('--server', '127.0.0.1:1')
    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /nothing listens there/)
    const trust = ['--fingerprint', '00'.repeat(32)]
    const words = ['bench', '--server', address, '--cert', certFile, '--key', keyFile, ...trust, ...short]
    const other = await command(words)
    assert.equal(other.code, 1)
    assert.match(other.stderr, /another certificate/)
  })
})

suite('counting', () => {
  test('a round has each as often as the mix says, spread evenly', () => {
    const round = roundOf(mixOf('get=6,create=2,state=1'))
    assert.equal(round.length, 9)
    const places = (name: string): number[] => round.flatMap((one, place) => (one === name ? [place] : []))
    assert.equal(places('get').length, 6)
    assert.equal(places('state').length, 1)
    const [first = 0, second = 0] = places('create')
    assert.ok(second - first >= 3 && second - first <= 6, round.join())
  })

  test('percentiles are within one per cent of the sorted ones', () => {
    const times = new Times()
    assert.deepEqual(times.percentiles(), { p50: null, p90: null, p99: null, p999: null, max: null })
    const sorted = Array.from({ length: 10_000 }, (_, index) => 0.05 * 1.001 ** index)
    for (const ms of sorted.toReversed()) times.add(ms)
    const { p50, p90, p99, p999, max } = times.percentiles()
    for (const [share, found] of [
      [0.5, p50],
      [0.9, p90],
      [0.99, p99],
      [0.999, p999],
    ] as const) {
      const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0
      assert.ok(found !== null && Math.abs(found / exact - 1) < 0.01, `${share}: ${found}, not ${exact}`)
    }
    assert.equal(max, Number((sorted.at(-1) ?? 0).toPrecision(4)))
    times.add(0)
    times.add(1e12)
    assert.equal(times.percentiles().max, 1e12)
  })
})

function mixOf(text: string): Mix {
  const parsed = parseMix(text)
  assert.ok('mix' in parsed, text)
  return parsed.mix
}

test('a run that cannot begin names the keys that it made and could not destroy', async () => {
  let made = 0
  await using narrow = await openOldKmipServer({
    DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
    Create: () => {
      if (made === 2) throw new Fault('PermissionDenied', 'no more keys')
      return { ObjectType: 'SymmetricKey', UniqueIdentifier: `bench-${++made}` }
    },
  })
  const words = ['--server', `127.0.0.1:${narrow.port}`, '--cert', certFile, '--key', keyFile, '--insecure']
  const { code, stderr } = await command(overridden(['bench', ...words, ...short], ['--connections', '1']))
  assert.equal(code, 1)
  assert.match(stderr, /no more keys/)
  assert.match(stderr, /of the 2 keys that it made, 2 are left/)
})
