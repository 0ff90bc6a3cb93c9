// Places for the stores of tests: a folder for the SQLite store, and what the contract suite asks of any.

import { createSecretKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { AnchoredStore } from '../../../src/core/ports/anchor.ts'
import type { LoadStore, StoreDump } from '../../../src/core/ports/backup.ts'
import { StoreConflict, type Store } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import type { StartWriter } from '../../../src/outside/store/sqlite/writer-thread.ts'
import { openSqliteStore, type SqliteOptions } from '../../../src/outside/store/sqlite/open.ts'

/** The anchors of the store's tests are signed with this. */
export const anchorKey = createSecretKey(Buffer.alloc(32, 7))
/** So are their marks. */
export const markKey = createSecretKey(Buffer.alloc(32, 9))

export interface StorePlace {
  /** Opens the store of this place; again after it was closed. `startWriter`: see SqliteOptions. */
  open(startWriter?: StartWriter): Promise<Store>
  /** All that it holds now, also while it is open. */
  dump(): StoreDump | Promise<StoreDump>
  /** Makes the store of this place of a dump. */
  load: LoadStore
  /** Edits the database behind the store's back. Returns the rows of a SELECT. */
  edit(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** The literal for the bytes of a text. */
  bytes(text: string): string
  remove(): Promise<void>
}

export type MakePlace = () => Promise<StorePlace>

export async function openPlace(
  t: TestContext,
  makePlace: MakePlace,
): Promise<{ store: Store; place: StorePlace }> {
  const place = await makePlace()
  const store = await place.open()
  store.openMarks(markKey)
  t.after(async () => {
    await store.close()
    await place.remove()
  })
  return { store, place }
}

export function conflict(what: StoreConflict['what']): (error: unknown) => boolean {
  return (error) => error instanceof StoreConflict && error.what === what
}

/** Removed after the test. */
export async function storeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-store-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Opens the SQLite store with a small reserve; closed after the test, however that ends. */
export async function openSqlite(
  t: TestContext,
  file: string,
  more: Partial<SqliteOptions> = {},
): Promise<Store & AnchoredStore> {
  const store = await openSqliteStore({ file, clock: systemClock, reserveBytes: 65_536, ...more })
  t.after(() => store.close())
  return store
}
