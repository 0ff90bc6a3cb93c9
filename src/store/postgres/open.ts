// Opens the store on PostgreSQL: the data folder of this node, the schema, the node's name.

import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { AnchoredStore } from '../../ports/anchor.ts'
import type { Clock } from '../../ports/clock.ts'
import { StoreUnavailable, type Store } from '../../ports/store.ts'
import { accessFileOf, anchorFileOf, refuseUnsafeFolder } from '../data-folder.ts'
import type { CommitWatch } from '../database-store.ts'
import { takeLock } from '../sqlite-file.ts'
import { connect } from './connect.ts'
import { asUnavailable } from './errors.ts'
import { takeName } from './node.ts'
import { migrate, turnLock } from './schema.ts'
import type { Session } from './session.ts'
import { PostgresStore } from './store.ts'
import { parsePostgresUrl } from './url.ts'

export interface PostgresOptions {
  /** postgres://user@host[,host2]/database, without a password. */
  readonly url: string
  readonly passwordFile: string | null
  /** Where this node keeps its anchor and its access log. Made (0700) where there is none. */
  readonly folder: string
  readonly node: string
  readonly clock: Clock
  readonly onTrouble?: (message: string) => void
  readonly onCommit?: CommitWatch
}

/** Rejects with StoreUnavailable, and with an error that says what is wrong with the URL. */
export async function openPostgresStore(options: PostgresOptions): Promise<Store & AnchoredStore> {
  const { url, passwordFile, folder, node, clock } = options
  const connecting = { place: parsePostgresUrl(url), passwordFile }
  const file = path.join(path.resolve(folder), 'node')
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new StoreUnavailable('unavailable', `make the folder of ${file}: ${String(cause)}`, { cause })
  }
  refuseUnsafeFolder(file)
  const lock = takeLock(`${file}.lock`)
  let session: Session | undefined
  try {
    session = await connect(connecting)
    const run = randomUUID()
    const state = await prepare(session, node, run)
    return new PostgresStore(
      {
        ...options,
        connecting,
        writer: run,
        openedMs: clock.now(),
        accessFile: accessFileOf(file),
        anchorFile: anchorFileOf(file),
      },
      { session, state, release: () => lock.close() },
    )
  } catch (error) {
    session?.drop()
    lock.close()
    throw asUnavailable('open the database', error)
  }
}

/** The schema as this version needs it, and the name taken, in one transaction. */
async function prepare(session: Session, node: string, run: string) {
  await session.query('BEGIN')
  await session.query(turnLock)
  await migrate(session)
  const state = await takeName(session, node, run)
  await session.commit()
  return state
}
