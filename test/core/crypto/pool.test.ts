// The pool: what threads do, whose turn it is, what is refused, and what becomes of a thread that ends.

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CryptoError, type CryptoErrorKind } from '../../../src/core/crypto/error.ts'
import type { KeyPair } from '../../../src/core/crypto/key-pairs.ts'
import { CryptoPool } from '../../../src/core/crypto/pool.ts'
import { cryptoLongNice } from '../../../src/core/crypto/bounds.ts'
import { cryptoRsaBitsInThread } from '../../../src/core/crypto/jobs.ts'
import {
  cryptoNice,
  cryptoWaitingMax,
  cryptoWaitingPerInstanceMax,
  cryptoWaitingPerPartyMax,
} from '../../../src/core/crypto/pool.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const oddThread = new URL('./odd-pool-thread.ts', import.meta.url)

function isKind(kind: CryptoErrorKind) {
  return (error: unknown) => error instanceof CryptoError && error.kind === kind
}

async function refused(asked: readonly Promise<unknown>[]): Promise<number> {
  const results = await Promise.allSettled(asked)
  return results.filter((result) => result.status === 'rejected' && isKind('busy')(result.reason)).length
}

test('a thread generates key pairs that sign and verify', async (t) => {
  const pool = new CryptoPool({ threads: 2 })
  t.after(() => pool.close())
  const pairs = await Promise.all([
    pool.run('generate-key-pair', { type: 'rsa', bits: 2_048 }, 'a'),
    pool.run('generate-key-pair', { type: 'ec', curve: 'secp384r1' }, 'a'),
  ])
  for (const pair of pairs) assertSigns(pair)
})

function assertSigns(pair: KeyPair): void {
  const privateKey = createPrivateKey({ key: Buffer.from(pair.privateKey), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey({ key: Buffer.from(pair.publicKey), format: 'der', type: 'spki' })
  const data = Buffer.from('to be signed')
  assert.ok(verify('sha256', data, publicKey, sign('sha256', data, privateKey)))
}

/** The 19th field of a thread's stat (proc(5)). The name before may have spaces. */
function niceOf(stat: string): number {
  return Number(stat.replace(/^.*\) /, '').split(' ')[16])
}

function niceOfThreads(): ReadonlyMap<string, number> {
  const ids = readdirSync('/proc/self/task')
  return new Map(ids.map((id) => [id, niceOf(readFileSync(`/proc/self/task/${id}/stat`, 'latin1'))]))
}

test('on Linux the threads give way, those with long work most, and the thread that asks does not', async (t) => {
  if (process.platform !== 'linux') return skipOrFail(t, 'a thread has a priority of its own on Linux alone')
  const pool = new CryptoPool({ threads: 2 })
  t.after(() => pool.close())
  const before = niceOfThreads()
  await Promise.all([
    pool.run('generate-key-pair', { type: 'ed25519' }, 'a'),
    pool.run('generate-key-pair', { type: 'rsa', bits: 2_048 }, 'a'),
  ])
  const after = niceOfThreads()
  const fresh = [...after].flatMap(([id, nice]) => (before.has(id) ? [] : [nice]))
  assert.ok(fresh.includes(cryptoNice) && fresh.includes(cryptoLongNice), fresh.join())
  assert.equal(after.get(String(process.pid)), before.get(String(process.pid)))
})

test('a refusal of the job arrives with its kind, and the thread goes on', async (t) => {
  const pool = new CryptoPool({ threads: 1 })
  t.after(() => pool.close())
  const wrong = [
    { type: 'rsa', bits: 1_024 },
    { type: 'rsa', bits: 16_384 },
    { type: 'rsa', bits: 2_048, exponent: 3 },
    { type: 'ec', curve: 'secp112r1' },
  ] as const
  for (const wanted of wrong)
    await assert.rejects(pool.run('generate-key-pair', wanted, 'a'), isKind('unsupported'))
  assert.ok(await pool.run('generate-key-pair', { type: 'ed25519' }, 'a'))
})

test('parties take turns', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  t.after(() => pool.close())
  const order: string[] = []
  const ask = async (name: string) => {
    await pool.run('generate-key-pair', { type: 'ed25519' }, name.charAt(0))
    order.push(name)
  }
  await Promise.all(['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map(ask))
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2'])
})

test('long work never has all threads', async () => {
  const pool = new CryptoPool({ threads: 2, script: oddThread })
  const long = ['a', 'b', 'c'].map((party) =>
    pool.run('generate-key-pair', { type: 'rsa', bits: 4_000 }, party).then(
      () => 'long',
      () => 'closed',
    ),
  )
  const short = pool.run('generate-key-pair', { type: 'ed25519' }, 'd').then(() => 'short')
  assert.equal(await Promise.race([...long, short]), 'short')
  await pool.close()
  assert.deepEqual(await Promise.all(long), ['closed', 'closed', 'closed'])
})

/** The processes that this one started, and the seconds of a processor that each has used. */
function children(): ReadonlyMap<number, number> {
  const pids = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
  return new Map(pids.map((pid) => [pid, usedSeconds(readFileSync(`/proc/${pid}/stat`, 'latin1'))]))
}

function usedSeconds(stat: string): number {
  const [user, system] = stat
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) / 100
}

test('a long RSA key has a process of its own, which the end of the pool kills at once, and not the primes that it looks for', async (t) => {
  if (process.platform !== 'linux') return skipOrFail(t, 'the processes are looked for in /proc')
  const before = new Set(children().keys())
  const own = () => [...children()].filter(([pid]) => !before.has(pid))
  const pool = new CryptoPool({ threads: 1 })
  // The primes of some are found at once: then another one.
  const ask = (): Promise<unknown> =>
    pool.run('generate-key-pair', { type: 'rsa', bits: 8_192 }, 'a').then(ask)
  const refusal = assert.rejects(ask(), isKind('lost'))
  const short = await pool.run('generate-key-pair', { type: 'rsa', bits: 2_048 }, 'b')
  assert.ok(short.privateKey.length > 0)
  // It has loaded, and computes.
  while (!own().some(([, seconds]) => seconds > 0.6)) await sleep(20)
  await pool.close()
  await refusal
  while (own().length > 0) await sleep(20)
})

test('a process of its own answers as a thread does', async (t) => {
  const pool = new CryptoPool({ threads: 1 })
  t.after(() => pool.close())
  const ask = (bits: number) => pool.run('generate-key-pair', { type: 'rsa', bits }, 'a')
  assertSigns(await ask(cryptoRsaBitsInThread + 64))
  await assert.rejects(ask(16_384), isKind('unsupported'))
})

test('a process that ends without an answer, or with none that can be read, loses its job, and the next job has another', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  t.after(() => pool.close())
  for (const bits of [8_192, 5_000, 8_192])
    await assert.rejects(pool.run('generate-key-pair', { type: 'rsa', bits }, 'a'), isKind('lost'))
})

test('what waits is bounded for each party and in all', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  t.after(() => pool.close())
  const ask = (party: string) => pool.run('generate-key-pair', { type: 'ed25519' }, party)
  const each = cryptoWaitingPerPartyMax
  const all = cryptoWaitingMax
  // One runs at once, and does not wait.
  assert.equal(await refused(Array.from({ length: each + 4 }, () => ask('a'))), 3)
  const parties = Array.from({ length: all + 4 }, (_, index) => ask(`p${String(index)}`))
  assert.equal(await refused(parties), 3)
})

test('the clients of one instance leave places to others, and take turns within the turns of their instance', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  t.after(() => pool.close())
  const order: string[] = []
  const ask = async (client: string, group: string) => {
    await pool.run('generate-key-pair', { type: 'ed25519' }, client, { group })
    order.push(client)
  }
  const most = cryptoWaitingPerInstanceMax
  const many = Array.from({ length: most + 4 }, (_, n) => ask(`a${String(n)}`, 'a'))
  const others = [ask('b', 'b'), ask('c', 'c')]
  // One runs at once, and does not wait.
  assert.equal(await refused(many), 3)
  await Promise.all(others)
  assert.deepEqual(order.slice(0, 5), ['a0', 'a1', 'b', 'c', 'a2'])
})

test('work that takes too long is given up', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread, jobMsMax: 40 })
  t.after(() => pool.close())
  await assert.rejects(pool.run('generate-key-pair', { type: 'rsa', bits: 4_000 }, 'a'), isKind('lost'))
})

test('a thread that ends loses its job, and another takes its place', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  t.after(() => pool.close())
  await assert.rejects(pool.run('generate-key-pair', { type: 'x448' }, 'a'), isKind('lost'))
  assert.ok(await pool.run('generate-key-pair', { type: 'ed25519' }, 'a'))
  const waiting = ['x448', 'ed25519'].map((type) =>
    pool.run('generate-key-pair', { type } as { readonly type: 'x448' }, 'a'),
  )
  const [ended, done] = await Promise.allSettled(waiting)
  assert.equal(ended?.status, 'rejected')
  assert.equal(done?.status, 'fulfilled')
})

test('a job that nobody waits for any more is not done, unless a thread has begun it', async (t) => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  t.after(() => pool.close())
  const leaving = new AbortController()
  const ask = (bits: number) =>
    pool.run('generate-key-pair', { type: 'rsa', bits }, 'a', { abandoned: leaving.signal })
  const begun = ask(20)
  const waiting = Array.from({ length: cryptoWaitingPerPartyMax }, () => ask(4_000))
  const refusals = Promise.allSettled(waiting)
  const other = pool.run('generate-key-pair', { type: 'ed25519' }, 'b')
  leaving.abort()
  for (const result of await refusals)
    assert.ok(result.status === 'rejected' && isKind('left')(result.reason))
  await assert.rejects(ask(1), isKind('left'))
  assert.ok(await begun)
  assert.ok(await other)
  assert.ok(await pool.run('generate-key-pair', { type: 'ed25519' }, 'a'))
})

test('a closed pool refuses what runs, what waits and what comes', async () => {
  const pool = new CryptoPool({ threads: 1, script: oddThread })
  const running = pool.run('generate-key-pair', { type: 'rsa', bits: 4_000 }, 'a')
  const waiting = pool.run('generate-key-pair', { type: 'ed25519' }, 'a')
  const both = Promise.allSettled([running, waiting])
  await pool.close()
  for (const result of await both)
    assert.ok(result.status === 'rejected' && isKind('lost')(result.reason), result.status)
  await assert.rejects(pool.run('generate-key-pair', { type: 'ed25519' }, 'a'), isKind('lost'))
})
