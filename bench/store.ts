// How fast the SQLite store is, on this machine's disk: `node bench/store.ts [FOLDER] [OBJECTS]`. Fills the store
// (default 100,000 objects), then measures commits, reads, pages and searches. Prints one line for each.

import { mkdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { AuditEntry } from '../src/core/ports/audit.ts'
import type { Store, Write } from '../src/core/ports/store.ts'
import { systemClock } from '../src/host/system-clock.ts'
import { openSqliteStore } from '../src/outside/store/sqlite/open.ts'

const folder = path.resolve(process.argv[2] ?? 'bench-store')
const objects = Number(process.argv[3] ?? 100_000)
/** Seconds since 1970. */
const beganS = Math.floor(Date.now() / 1000)
const instanceId = '6f1d0a3e-3f5c-4d0f-9d5c-8a1c9a3e2b11'

function say(what: string, value: number, unit: string): void {
  process.stdout.write(`${what.padEnd(62)} ${value.toFixed(value < 100 ? 1 : 0).padStart(10)} ${unit}\n`)
}

/** Spread like UUIDs, and known again. */
function identifier(n: number): string {
  const mixed = Math.imul(n + 1, 0x9e3779b1) >>> 0
  return `${mixed.toString(16).padStart(8, '0')}-4d0f-4d0f-8d5c-${n.toString(16).padStart(12, '0')}`
}

function entry(action: AuditEntry['action'], object: string): AuditEntry {
  return {
    atMs: Date.now(),
    action,
    result: 'success',
    instanceId,
    object,
    actor: {
      kind: 'client',
      id: 'e2b1c7d4-0000-4000-8000-000000000001',
      name: 'vcenter',
      certificateSha256: 'ab'.repeat(32),
      address: '192.0.2.10',
    },
    reason: null,
    requestId: '01J0000000000000000000000',
    detail: null,
  }
}

function object(n: number, version = 1): Write {
  const state = version === 1 ? 'PreActive' : 'Active'
  return {
    type: 'object',
    record: {
      instanceId,
      uniqueIdentifier: identifier(n),
      objectType: 'SymmetricKey',
      state,
      version,
      createdMs: Date.now(),
      attributes: Buffer.alloc(600, n),
      sealed: Buffer.alloc(96, n),
      dataKeyId: 'data-key-1',
    },
    names: [],
    index: [
      { key: 'State', value: state },
      { key: 'ObjectType', value: 'SymmetricKey' },
      { key: 'CryptographicAlgorithm', value: 'AES' },
      { key: 'x-VM', value: `vm-${Math.floor(n / 4)}` },
      { key: 'x-Cluster', value: `cluster-${n % 40}` },
    ],
    // Every second for as many seconds as there are objects: half of them in the past.
    clockSteps: { activates: beganS + n - objects / 2, deactivates: beganS + n },
  }
}

async function create(store: Store, n: number): Promise<void> {
  await store.commit({
    writes: [object(n)],
    entries: [entry('key.create', identifier(n))],
    durability: 'disk',
  })
}

async function get(store: Store, n: number, durability: 'disk' | 'process'): Promise<void> {
  const uniqueIdentifier = identifier(n)
  await store.object(instanceId, uniqueIdentifier)
  await store.commit({
    writes: [{ type: 'fetched', instanceId, uniqueIdentifier, atMs: Date.now() }],
    entries: [entry('key.get', uniqueIdentifier)],
    durability,
  })
}

/** Runs `count` pieces of work, so many at a time. */
async function rate(what: string, count: number, atOnce: number, work: (n: number) => Promise<void>) {
  let next = 0
  const start = performance.now()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await work(next++)
    }),
  )
  say(`${what}, ${atOnce} at once`, (count * 1000) / (performance.now() - start), '/s')
}

async function each(what: string, count: number, work: (n: number) => Promise<unknown>) {
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const start = performance.now()
    await work(n)
    times.push(performance.now() - start)
  }
  times.sort((a, b) => a - b)
  say(`${what}: median`, (times[count >> 1] ?? 0) * 1000, 'µs')
  say(`${what}: slowest of ${count}`, (times[count - 1] ?? 0) * 1000, 'µs')
}

async function measureWrites(store: Store): Promise<void> {
  let made = objects
  for (const atOnce of [1, 8, 64, 512])
    await rate('create, durable', Math.min(20_000, 1_000 * atOnce), atOnce, () => create(store, made++))
  for (const durability of ['process', 'disk'] as const)
    for (const atOnce of [1, 8, 64])
      await rate(`get with access record, ${durability}`, Math.min(40_000, 3_000 * atOnce), atOnce, (n) =>
        get(store, (n * 7919) % objects, durability),
      )
  await rate('activate', 5_000, 64, (n) =>
    store.commit({
      writes: [object(n * 7, 2)],
      entries: [entry('key.activate', identifier(n * 7))],
      durability: 'disk',
    }),
  )
}

async function measureReads(store: Store): Promise<void> {
  await each('object by identifier', 5_000, async (n) =>
    store.object(instanceId, identifier((n * 7919) % objects)),
  )
  await each('trust version', 5_000, async () => store.trustVersion())
  await each('page of 200, newest', 200, () => store.objects({ instanceId, limit: 200 }))
  await each('page of 200, anywhere', 200, (n) =>
    store.objects({ instanceId, limit: 200, beforeSequence: 200 + ((n * 7919) % objects) }),
  )
  const by = (index: Record<string, string>, limit: number) =>
    store.objects({ instanceId, limit, index: Object.entries(index).map(([key, value]) => ({ key, value })) })
  await each('search by a rare value', 2_000, (n) => by({ 'x-VM': `vm-${n}` }, 200))
  await each('search by a rare and two common values', 2_000, (n) =>
    by({ State: 'PreActive', CryptographicAlgorithm: 'AES', 'x-VM': `vm-${n}` }, 200),
  )
  await each('search by a common value, page of 200', 200, () => by({ ObjectType: 'SymmetricKey' }, 200))
  await each('counts by state', 1_000, () => store.objectCounts(instanceId, Date.now()))
  await each('audit: newest 100', 500, () => store.audit({ order: 'newest', limit: 100 }))
  await each('audit: of one object', 500, (n) =>
    store.audit({ order: 'newest', object: identifier((n * 7919) % objects), limit: 100 }),
  )
  await each('audit: newest 100 of one action that is everywhere', 100, () =>
    store.audit({ order: 'newest', action: 'key.create', limit: 100 }),
  )
  await each('audit: an action that is nowhere (all entries)', 2, () =>
    store.audit({ order: 'newest', action: 'key.nothing', limit: 100 }),
  )
}

mkdirSync(folder, { recursive: true })
const file = path.join(folder, 'bench.db')
const clock = systemClock
const store = await openSqliteStore({
  file,
  clock,
  onTrouble: (message) => process.stdout.write(`${message}\n`),
})
const known = Object.values(await store.objectCounts(instanceId, Date.now())).reduce(
  (sum, count) => sum + count,
  0,
)
if (known === 0) await rate(`fill with ${objects} objects`, objects, 2_000, (n) => create(store, n))
await measureReads(store)
if (known === 0) await measureWrites(store)
await store.close()
say('database', statSync(file).size / 1024 / 1024, 'MiB')
const start = performance.now()
const again = await openSqliteStore({ file, clock })
say('open', performance.now() - start, 'ms')
await again.close()
if (process.argv[2] === undefined) rmSync(folder, { recursive: true })
