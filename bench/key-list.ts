// How long listing and searching keys takes among many: `node bench/key-list.ts [FOLDER] [OBJECTS]`. Fills a store with
// keys as vCenter makes them (default 1,000,000), then asks for pages as the admin API does: the whole page, and the
// longest time in between that other requests waited. Prints one line for each.

import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { everyRound } from '../src/base/every-round.ts'
import { listKeys } from '../src/core/keys/key-search.ts'
import { Keys } from '../src/core/keys/keys.ts'
import { RecoveryClock } from '../src/core/keys/object/recovery-clock.ts'
import { toWrite, type ManagedObject } from '../src/core/keys/object/managed-object.ts'
import type { Store } from '../src/core/ports/store.ts'
import { systemClock } from '../src/host/system-clock.ts'
import { openSqliteStore } from '../src/outside/store/sqlite/open.ts'
import { identifier, instanceId, vcenterKey } from './vcenter-keys.ts'

const folder = path.resolve(process.argv[2] ?? 'bench-key-list')
const objects = Number(process.argv[3] ?? 1_000_000)
const objectsPerCommit = 500
/** One key every five seconds, up to now. */
const beganMs = Date.now() - objects * 5_000
const clock = systemClock

function object(n: number): ManagedObject {
  const state = n % 1_000 === 0 ? 'Compromised' : 'Active'
  return vcenterKey(n, { createdMs: beganMs + n * 5_000, state })
}

async function fill(store: Store): Promise<void> {
  const began = performance.now()
  for (let n = 0; n < objects; n += objectsPerCommit) {
    const count = Math.min(objectsPerCommit, objects - n)
    const writes = Array.from({ length: count }, (_, i) => toWrite(object(n + i)))
    await store.commit({ writes, entries: [], durability: 'process' })
  }
  say(`fill with ${String(objects)} keys`, (performance.now() - began) / 1000, 's')
}

function say(what: string, value: number, unit: string): void {
  process.stdout.write(`${what.padEnd(62)} ${value.toFixed(1).padStart(10)} ${unit}\n`)
}

type Query = Parameters<typeof listKeys>[2]

async function measure(what: string, query: Partial<Query>, before?: number): Promise<void> {
  const times: number[] = []
  let found = 0
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  for (let i = 0; i < 5; i++) {
    const began = performance.now()
    const { views } = await listKeys(reader, instanceId, { limit: 100, ...query }, before)
    times.push(performance.now() - began)
    found = views.length
  }
  delay.disable()
  const median = times.toSorted((a, b) => a - b)[2] ?? 0
  say(`${what}: a page (${String(found)} found)`, median, 'ms')
  say('  longest time that others waited', delay.max / 1e6, 'ms')
}

mkdirSync(folder, { recursive: true })
const store = await openSqliteStore({ file: path.join(folder, 'mortise.db'), clock, reserveBytes: 0 })
const counts = await store.objectCounts(instanceId, clock.now())
if (Object.keys(counts).length === 0) await fill(store)
const none = undefined as never
const nobody = { custodies: none, access: none, crypto: none, changePace: none, refusalsFailed: none }
const recovery = await RecoveryClock.open(store, clock)
const keys = new Keys({ store, clock, recovery, durableReads: () => false, ...nobody })
const reader = {
  turns: everyRound,
  scan: keys.scan.bind(keys),
  show: keys.show.bind(keys),
  objectCounts: (id: string) => store.objectCounts(id, clock.now()),
  recoverable: store.recoverable.bind(store),
}
const middle = Math.floor(objects / 2)
const at = (n: number) => new Date(beganMs + n * 5_000).toISOString()

await measure('newest', {})
await measure('state Active', { state: 'Active' })
await measure('state Compromised (1 of 1,000)', { state: 'Compromised' })
await measure('state Compromised, second page', { state: 'Compromised' }, middle)
await measure('state PreActive (none)', { state: 'PreActive' })
await measure('x-Name, whole', { vsphereName: `vm-web-${String(middle)}` })
await measure('x-Component, whole (all have it)', { vsphereComponent: 'VM' })
await measure('search by x-Identifier', { search: `vm-${String(middle)}` })
await measure('search by id', { search: identifier(middle) })
await measure('search for what is not there', { search: 'no-such' })
await measure('contains (rare): one bounded page', { contains: 'web-123456' })
await measure('created in one hour, in the middle', {
  createdSince: at(middle),
  createdUntil: at(middle + 720),
})
await measure('never fetched', { notFetchedSince: at(objects) })
await store.close()
if (process.argv[2] === undefined) rmSync(folder, { recursive: true, force: true })
