// Opens the store on PostgreSQL: the data folder of this node, the schema, the node's name.

import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { AnchoredStore } from '../../../core/ports/anchor.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { Store } from '../../../core/ports/store.ts'
import {
  accessFileOf,
  anchorFileOf,
  cannotMakeFolder,
  nodeFileOf,
  refuseUnsafeFolder,
} from '../data-folder.ts'
import type { CommitWatch } from '../database-store.ts'
import { takeLock } from '../sqlite/file.ts'
import type { StoreThreads } from '../threads.ts'
import { connectPostgres } from './connect.ts'
import { asUnavailable } from './errors.ts'
import { takeName } from './node.ts'
import { migrate } from './schema.ts'
import type { PostgresSession } from './session.ts'
import { PostgresStore, type PostgresStoreOptions } from './store.ts'
import { begin } from './transactions.ts'
import { freeTurn, turnLock } from './turn.ts'
import { parsePostgresUrl } from './url.ts'

export interface PostgresOptions {
  /** postgres://user@host[,host2]/database, without a password. */
  readonly url: string
  readonly passwordFile: string | null
  /** Where this node keeps its anchor and its access log. If the folder does not exist, the store makes it (mode 0700). */
  readonly folder: string
  readonly node: string
  /** See PostgresStoreOptions; at most postgresLeaseMsMax. */
  readonly leaseMs: number
  readonly clock: Clock
  readonly onTrouble?: (message: string) => void
  readonly onClock?: PostgresStoreOptions['onClock']
  readonly onCommit?: CommitWatch
  readonly threads?: StoreThreads | undefined
}

/** Rejects with StoreUnavailable, or with an error that says what is wrong with the URL. */
export async function openPostgresStore(options: PostgresOptions): Promise<Store & AnchoredStore> {
  const { url, passwordFile, folder, node, leaseMs, clock } = options
  const connecting = { place: parsePostgresUrl(url), passwordFile }
  const file = nodeFileOf(folder)
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw cannotMakeFolder(path.dirname(file), cause)
  }
  refuseUnsafeFolder(file)
  const lock = takeLock(`${file}.lock`)
  let session: PostgresSession | undefined
  let store: PostgresStore
  try {
    session = await connectPostgres(connecting)
    const run = randomUUID()
    const state = await prepare(session, { node, run, leaseMs })
    const files = { accessFile: accessFileOf(file), anchorFile: anchorFileOf(file) }
    store = new PostgresStore(
      { ...options, ...files, connecting, writer: run, openedMs: clock.now() },
      { session, state, release: () => lock.close() },
    )
  } catch (error) {
    session?.drop()
    lock.close()
    throw asUnavailable('open the database', error)
  }
  try {
    await store.begin()
    return store
  } catch (error) {
    await store.close()
    throw asUnavailable('open the database', error)
  }
}

/**
 * Brings the schema up to date and takes the node's name, in one transaction. The commit does not wait for a replica: the store's
 * `begin` later makes a commit that a replica must confirm, and with it this one.
 */
async function prepare(session: PostgresSession, taken: Parameters<typeof takeName>[1]) {
  await session.query(`${begin}; SET LOCAL synchronous_commit = local`)
  await session.query(turnLock).catch(async (error: unknown) => {
    await freeTurn(session, error)
    throw error
  })
  await migrate(session)
  const state = await takeName(session, taken)
  await session.commit()
  return state
}
