// A process of its own that uses a SQLite store: `commit` commits without end and prints what was answered, one
// line each; `destroy` destroys an object and stays; `open` opens the store and says how that went; `sync` commits one
// thing after the other and prints a mark after each; `mix` commits a bit of everything and ends. Started by the store's tests, which kill it or trace it.

import { setTimeout } from 'node:timers/promises'
import { accessFlushMs } from '../../../src/outside/store/bounds.ts'
import { destroyedGoneMs } from '../../../src/outside/store/sqlite/open.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { anchorKey } from './store-place.ts'
import { auditEntry, change, create, objectRecord, objectWrite, trustRow } from './store-values.ts'

const [mode = '', file = '', argument = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file, clock: systemClock, reserveBytes: 65_536 }).catch(
  (error: unknown) => {
    process.stdout.write(`${String(error)}\n`)
    process.exit(1)
  },
)

const { state } = await store.anchor(anchorKey, { needed: false, mode: 'keep' })
// A database that a test made without one goes on without.
if (state === 'older' || state === 'unreadable') {
  process.stdout.write(`the anchor is ${state}\n`)
  process.exit(1)
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Objects that are made, changed and fetched, several of these loops at once. */
async function loop(name: string): Promise<never> {
  for (let n = 0; ; n++) {
    const id = `${name}-${n}`
    await create(store, objectRecord(id), [`name of ${id}`])
    tell(`created ${id}`)
    const fetched = { type: 'fetched', instanceId: 'instance-1', uniqueIdentifier: id, atMs: n + 1 } as const
    const entry = auditEntry({ action: 'key.get', object: id })
    await store.commit(change([fetched], { entries: [entry], durability: 'process' }))
    tell(`fetched ${id}`)
    const active = objectRecord(id, { version: 2, state: 'Active' })
    const activate = auditEntry({ action: 'key.activate', object: id })
    await store.commit(change([objectWrite(active, [`name of ${id}`])], { entries: [activate] }))
    tell(`activated ${id}`)
  }
}

/** Trust is changed and signed for, as often as it can be. */
async function signLoop(): Promise<never> {
  for (;;) {
    await store.commit(change([trustRow('client')], { entries: [auditEntry({ action: 'client.set' })] }))
    const number = ((await store.checkpoints(1))[0]?.number ?? 0) + 1
    const checkpoint = { number, body: `checkpoint ${number}`, signature: '' }
    await store.commit(change([{ type: 'checkpoint', checkpoint }]))
  }
}

/** An access record reaches the disk after `accessFlushMs`, or a little later where the machine is busy. */
const soonMs = 10 * accessFlushMs

async function commitBetweenMarks(): Promise<void> {
  await setTimeout(500)
  tell('mark begin')
  for (let n = 0; n < 20; n++) {
    await create(store, objectRecord(`disk-${n}`))
    tell('mark disk')
  }
  for (let n = 0; n < 100; n++) {
    await store.commit(change([], { entries: [auditEntry()], durability: 'process' }))
    tell('mark process')
  }
  await setTimeout(soonMs)
  tell('mark waited')
  await store.commit(change([], { entries: [auditEntry()], durability: 'process' }))
  const expect = { trustVersion: 99 }
  await store.commit(change([], { expect, entries: [auditEntry()] })).catch(() => tell('mark conflict'))
  await setTimeout(soonMs)
  tell('mark last')
}

const entry = () => ({ entries: [auditEntry()] })

const get = () => store.commit(change([], { ...entry(), durability: 'process' }))

/** What can share a group: records, changes, trust, checkpoints, conflicts, changes that write nothing. */
async function mix(): Promise<void> {
  for (let n = 1; n <= 24; n++) {
    const checkpoint = { number: n, body: `checkpoint ${n}`, signature: '' }
    const parts = [
      get,
      () => store.commit(change([])),
      () => create(store, objectRecord(`mixed-${n}`)),
      () => store.commit(change([trustRow('a')], entry())),
      () => store.commit(change([], { ...entry(), expect: { trustVersion: 999 } })).catch(() => undefined),
      get,
    ]
    // Other neighbours each time: some share a group, some have one of their own.
    await Promise.all(parts.slice(n % 4).map((part) => part()))
    for (const part of parts.slice(0, n % 4)) await part()
    await store.commit(change([{ type: 'checkpoint', checkpoint }]))
    await get()
    // Long enough for a flush now and then, and once for the log to be cut off.
    if (n % 8 === 0) await setTimeout(n === 16 ? destroyedGoneMs / 8 : accessFlushMs)
  }
}

tell('open')
if (mode === 'mix') await mix()
if (mode === 'commit')
  await Promise.all([
    ...Array.from({ length: 16 }, (_, n) => loop(`${store.writer.slice(0, 8)}-${n}`)),
    signLoop(),
  ])
if (mode === 'destroy') {
  await create(store, objectRecord('a', { sealed: Buffer.from(argument) }))
  const gone = objectRecord('a', { version: 2, state: 'Destroyed', sealed: null, dataKeyId: null })
  await store.commit(change([objectWrite(gone)]))
  tell('destroyed')
  await setTimeout(60_000)
}
if (mode === 'sync') await commitBetweenMarks()
await store.close()
