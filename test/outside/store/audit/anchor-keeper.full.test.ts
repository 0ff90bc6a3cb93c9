// A full disk and the anchor: its blocks are set aside, and where even overwriting them finds no room it lags behind,
// which is said and never taken for a database that was set back. On a small file system of its own.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { newestAnchor } from '../../../../src/core/audit/anchor.ts'
import type { AnchoredStore } from '../../../../src/core/ports/anchor.ts'
import type { Store } from '../../../../src/core/ports/store.ts'
import { diskReserveBytes } from '../../../../src/outside/store/sqlite/open.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'
import { AnchorFile } from '../../../../src/outside/store/audit/anchor-file.ts'
import { AnchorKeeper } from '../../../../src/outside/store/audit/anchor-keeper.ts'
import { openSqliteStore } from '../../../../src/outside/store/sqlite/open.ts'
import { skipOrFail } from '../../../support/server/skip.ts'
import { emptyDisk, fillDisk, mountSmallDisk } from '../../../support/store/small-disk.ts'
import { anchorKey } from '../../../support/store/store-place.ts'
import { auditEntry, change, create, objectRecord } from '../../../support/store/store-values.ts'
import { until } from '../../../support/time/until.ts'

interface Disk {
  readonly folder: string
  readonly told: readonly string[]
  /** With its reserve taken, and its anchor kept; fails when the anchor does not agree. */
  open(): Promise<Store & AnchoredStore>
}

async function smallDisk(t: TestContext): Promise<Disk | undefined> {
  const stores: Store[] = []
  const folder = await mountSmallDisk(t, () => Promise.all(stores.map((store) => store.close())))
  if (folder === undefined) return undefined
  const told: string[] = []
  const onTrouble = (message: string) => told.push(message)
  const open = async () => {
    const store = await openSqliteStore({
      file: path.join(folder, 'mortise.db'),
      clock: systemClock,
      onTrouble,
    })
    stores.push(store)
    const { state } = await store.anchor(anchorKey, { needed: false, mode: 'keep' })
    assert.ok(state === 'new' || state === 'agrees', state)
    return store
  }
  return { folder, told, open }
}

const record = (store: Store, filling = '') =>
  store.commit(change([], { entries: [auditEntry({ detail: { filling } })], durability: 'process' }))

const sequenceOf = (store: AnchoredStore) =>
  newestAnchor(AnchorFile.read(store.anchorFile) ?? [], anchorKey)?.anchor.sequence ?? 0

const at = (order: number) => ({ trustVersion: order, checkpoint: null, heads: [], marks: null, order })

test('on a disk that is filled to its last byte the anchor follows, and the next start agrees with it', async (t) => {
  const disk = await smallDisk(t)
  if (!disk) return
  const store = await disk.open()
  await create(store, objectRecord('a'))
  const reserve = path.join(disk.folder, 'mortise.db.reserve')
  await until(() => statSync(reserve, { throwIfNoEntry: false })?.size === diskReserveBytes)
  fillDisk(disk.folder, 0)
  const before = sequenceOf(store)
  await assert.rejects(create(store, objectRecord('b')))
  const useUp = async () => {
    for (;;) await record(store, 'x'.repeat(20_000))
  }
  await assert.rejects(useUp())
  await until(() => sequenceOf(store) > before)
  await store.close()
  await (await disk.open()).close()
  emptyDisk(disk.folder)
  await create(await disk.open(), objectRecord('c'))
  assert.deepEqual(
    disk.told.filter((message) => /anchor/.test(message)),
    [],
  )
})

test('an anchor that finds no room for a write lags behind, which is said once, until it does again', async (t) => {
  const folder = await mountSmallDisk(t, () => Promise.resolve())
  if (folder === undefined) return
  const file = path.join(folder, 'anchor')
  const told: string[] = []
  const onTrouble = (message: string) => told.push(message)
  const keeper = AnchorKeeper.start({ file, key: anchorKey, isNewFile: false, onTrouble }, at(0))
  const named = () => newestAnchor(AnchorFile.read(file) ?? [], anchorKey)?.anchor.trustVersion
  keeper.note(at(1))
  keeper.settle()
  // As where each write takes other blocks (btrfs, ZFS): those of the slot that is next are given back.
  const hole = spawnSync('fallocate', ['-p', '-o', '0', '-l', '4096', file])
  if (hole.status !== 0) return skipOrFail(t, 'needs fallocate and a file system that punches holes')
  let order = 1
  // A tmpfs counts its blocks loosely: now and then one is left all the same.
  while (told.length === 0 && order < 100) {
    fillDisk(folder, 0)
    keeper.note(at(++order))
    keeper.settle()
    assert.equal(named(), told.length === 0 ? order : order - 1, 'one slot always counts')
    if (told.length === 0)
      spawnSync('fallocate', ['-p', '-o', String(((order + 1) % 2) * 4096), '-l', '4096', file])
  }
  assert.match(told[0] ?? '', /the anchor beside the database cannot be written \(.*ENOSPC/)
  for (let n = 0; n < 3; n++) keeper.settle()
  assert.equal(named(), order - 1)
  emptyDisk(folder)
  for (const again of [order, order + 1, order + 2]) {
    keeper.note(at(again))
    keeper.settle()
    assert.equal(named(), again)
  }
  assert.equal(told.length, 1)
  keeper.close()
})
