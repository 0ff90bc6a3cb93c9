// A full disk: changes are refused and say what to do, access records go on from the reserve, nothing is corrupted,
// and when there is room again the store goes on by itself. On a small file system of its own.

import assert from 'node:assert/strict'
import { existsSync, renameSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { StoreUnavailable, type Store } from '../../../../src/core/ports/store.ts'
import { diskReserveBytes } from '../../../../src/outside/store/sqlite/open.ts'
import { diskFreeBytesMin } from '../../../../src/outside/store/sqlite/room.ts'
import { openSqliteStore } from '../../../../src/outside/store/sqlite/open.ts'
import { emptyDisk, fillDisk, mountSmallDisk } from '../../../support/store/small-disk.ts'
import { allEntries, verifyChain } from '../../../support/store/contract/audit.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { anchorKey, openSqlite, storeFolder } from '../../../support/store/store-place.ts'
import { auditEntry, change, create, objectRecord } from '../../../support/store/store-values.ts'
import { until } from '../../../support/time/until.ts'

const mib = 1024 * 1024

test('changes are refused before the reserve is touched, and taken again when there is room', async (t) => {
  const disk = await smallDisk(t)
  if (!disk) return
  const told: string[] = []
  const store = await disk.open((message) => told.push(message))
  await until(() => reserveBytes(disk) === diskReserveBytes)
  await create(store, objectRecord('a'))
  fillDisk(disk.folder, diskFreeBytesMin - mib)
  await assert.rejects(create(store, objectRecord('b')), isFull)
  assert.equal(store.health().writable, false)
  assert.match(store.health().reason ?? '', /is full: changes are refused until \d+ MiB are free/)
  await getKey(store, 1)
  assert.equal(reserveBytes(disk), diskReserveBytes, 'the reserve is whole')
  emptyDisk(disk.folder)
  await until(() => store.health().writable)
  await create(store, objectRecord('b'))
  assert.deepEqual(told.length, 2, told.join('\n'))
})

test('where the system does not say how much is free, changes are taken', async (t) => {
  const folder = path.join(await storeFolder(t), 'data')
  const store = await openSqlite(t, path.join(folder, 'mortise.db'))
  await store.anchor(anchorKey, { needed: false, mode: 'keep' })
  // Nobody can ask for the free room of a folder that is not there. The files are open.
  renameSync(folder, `${folder}-moved`)
  await create(store, objectRecord('a'))
  renameSync(`${folder}-moved`, folder)
  await create(store, objectRecord('b'))
  assert.equal(store.health().writable, true)
})

test('on a disk without a byte left, access records go on from the reserve until that is used up', async (t) => {
  const disk = await smallDisk(t)
  if (!disk) return
  const store = await disk.open()
  await until(() => reserveBytes(disk) === diskReserveBytes)
  await create(store, objectRecord('a'))
  fillDisk(disk.folder, 0)
  for (let n = 0; n < 300; n++) {
    if (n % 10 === 0) await assert.rejects(create(store, objectRecord(`b${n}`)), isFull)
    await getKey(store, n)
  }
  assert.equal((await store.object('instance-1', 'a'))?.lastFetchedMs, 299)
  assert.equal(existsSync(path.join(disk.folder, 'mortise.db.reserve')), false, 'the reserve was given back')

  // Changes and records at once: each is answered by its own class.
  const mixed = await Promise.allSettled([
    getKey(store, 300),
    create(store, objectRecord('c')),
    getKey(store, 301),
  ])
  assert.deepEqual(
    mixed.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )

  // To the very end: then records are refused too, in the same words, and reads go on.
  fillDisk(disk.folder, 0)
  let records = 302
  const useUp = async () => {
    for (; ; records++) await getKey(store, records, { filling: 'x'.repeat(20_000) })
  }
  await assert.rejects(useUp(), isFull)
  assert.equal((await store.object('instance-1', 'a'))?.lastFetchedMs, records - 1)
  assert.equal(await store.object('instance-1', 'c'), undefined)

  emptyDisk(disk.folder)
  await until(() => store.health().writable)
  await create(store, objectRecord('c'))
  assert.equal(reserveBytes(disk), diskReserveBytes, 'the reserve was taken again')
  const entries = await allEntries(store, { order: 'oldest', limit: 1_000 })
  assert.equal(verifyChain(entries).number, records + 2)
  await store.close()
  assertWhole(disk)
})

test('a store opens on a full disk, and serves', async (t) => {
  const disk = await smallDisk(t)
  if (!disk) return
  const first = await disk.open()
  await create(first, objectRecord('a'))
  await until(() => reserveBytes(disk) === diskReserveBytes)
  await first.close()
  fillDisk(disk.folder, 0)
  const store = await disk.open()
  assert.equal(store.health().writable, false)
  assert.ok(await store.object('instance-1', 'a'))
  await getKey(store, 1)
  await assert.rejects(create(store, objectRecord('b')), isFull)
  await store.close()
  assertWhole(disk)
})

/** A file system of 64 MiB, and the store on it. */
interface SmallDisk {
  readonly folder: string
  open(onTrouble?: (message: string) => void): Promise<Store>
}

/** Unmounted after the test; undefined where there can be none. */
async function smallDisk(t: TestContext): Promise<SmallDisk | undefined> {
  const stores: Store[] = []
  const folder = await mountSmallDisk(t, () => Promise.all(stores.map((store) => store.close())))
  if (folder === undefined) return undefined
  return {
    folder,
    async open(onTrouble) {
      const file = path.join(folder, 'mortise.db')
      const store = await openSqliteStore({ file, clock: systemClock, ...(onTrouble && { onTrouble }) })
      stores.push(store)
      return store
    },
  }
}

/** What a Get writes. */
function getKey(store: Store, atMs: number, detail: Record<string, string> | null = null): Promise<void> {
  return store.commit(
    change([{ type: 'fetched', instanceId: 'instance-1', uniqueIdentifier: 'a', atMs }], {
      entries: [auditEntry({ action: 'key.get', object: 'a', detail })],
      durability: 'process',
    }),
  )
}

function reserveBytes(disk: SmallDisk): number {
  return statSync(path.join(disk.folder, 'mortise.db.reserve'), { throwIfNoEntry: false })?.size ?? 0
}

function isFull(error: unknown): boolean {
  return error instanceof StoreUnavailable && error.why === 'full' && /Free some room/.test(error.message)
}

/** The store must be closed. */
function assertWhole(disk: SmallDisk): void {
  const database = new DatabaseSync(path.join(disk.folder, 'mortise.db'), { readOnly: true })
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok')
  database.close()
}
