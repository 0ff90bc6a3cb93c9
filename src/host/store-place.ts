// Where the store is, by `server.store`: a SQLite file, or a database of PostgreSQL. Opens it, reads all of it and makes it of
// a dump. PostgreSQL's driver is loaded only where it is used. Part of the composition root.

import { statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import type { Config } from '../outside/config/options.ts'
import type { AnchoredStore } from '../core/ports/anchor.ts'
import type { LoadStore, StoreDump } from '../core/ports/backup.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { Store } from '../core/ports/store.ts'
import { cannotMakeFolder } from '../outside/store/data-folder.ts'
import { openSqliteDump } from '../outside/store/sqlite/dump.ts'
import { sqliteLoader } from '../outside/store/sqlite/load.ts'
import { openSqliteStore, type SqliteOptions } from '../outside/store/sqlite/open.ts'
import { isPostgresUrl, parsePostgresUrl } from '../outside/store/postgres/url.ts'
import { StartError } from './first-start.ts'

/** The database's file in the data folder. */
export const storeFile = 'mortise.db'

/** Plain, so that a thread can be given it. */
export type StorePlace =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly passwordFile: string | null }

/** Throws StartError. */
export function storePlaceOf({ data, store, storePasswordFile }: Config['server']): StorePlace {
  if (!isPostgresUrl(store))
    return { kind: 'sqlite', file: path.resolve(data, store === '' ? storeFile : store) }
  try {
    parsePostgresUrl(store)
  } catch (error) {
    throw new StartError((error as Error).message)
  }
  return { kind: 'postgres', url: store, passwordFile: storePasswordFile ?? null }
}

/** The names and addresses of the database's servers; none for a file, or where a socket leads to it. */
export function databaseHosts({ store }: Pick<Config['server'], 'store'>): readonly string[] {
  if (!isPostgresUrl(store)) return []
  return parsePostgresUrl(store).hosts.flatMap(({ host }) => (host.startsWith('/') ? [] : [host]))
}

/** Throws StartError with this sentence if there is no store yet, as far as that shows without opening it. */
export function requireStore(server: Config['server'], otherwise: string): void {
  const place = storePlaceOf(server)
  // Where this user may not look, the system says so: whether there is one is not known.
  if (place.kind === 'sqlite' && !statSync(place.file, { throwIfNoEntry: false }))
    throw new StartError(`there is no database in ${server.data}: ${otherwise}`)
}

interface Watching extends Pick<SqliteOptions, 'onTrouble' | 'onNotice' | 'onCommit' | 'threads'> {
  readonly clock: Clock
  /** See PostgresStoreOptions. */
  readonly onClock?: (aheadMs: number) => void
}

/** The place that a process has for itself beside the database: only on PostgreSQL, where several write. */
export interface OwnPlace {
  /** The folder of the anchor and of the access log of the process. */
  readonly folder: string
  /** The database knows it by this name. */
  readonly node: string
}

function nodePlace(server: Config['server']): OwnPlace {
  return { folder: server.data, node: server.node === '' ? hostname() : server.node }
}

/** Each worker is to the database what a node is. */
export function workerPlace(server: Config['server'], worker: number): OwnPlace {
  const { folder, node } = nodePlace(server)
  return { folder: path.join(folder, workersFolder, String(worker)), node: `${node}/worker-${worker}` }
}

/** The folder of the workers, in the data folder. */
export const workersFolder = 'workers'

/** Rejects with StartError and StoreUnavailable. */
export async function makeDataFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    const isFile = error.code === 'EEXIST' || error.code === 'ENOTDIR'
    throw isFile ? dataFolderIsFile(folder) : cannotMakeFolder(folder, error)
  })
}

export function dataFolderIsFile(folder: string): StartError {
  return new StartError(`the data folder ${folder} is a file, or is in one`)
}

/** `own`: left out, that of the node. Rejects with StoreUnavailable and StartError. */
export async function openStore(
  server: Config['server'],
  watching: Watching,
  own: OwnPlace = nodePlace(server),
): Promise<Store & AnchoredStore> {
  const place = storePlaceOf(server)
  await makeDataFolder(server.data)
  if (place.kind === 'sqlite') {
    const { onClock: _, ...rest } = watching
    return openSqliteStore({ file: place.file, ...rest })
  }
  const { openPostgresStore } = await import('../outside/store/postgres/open.ts')
  const leaseMs = server.leaseSeconds * 1000
  return openPostgresStore({ ...place, ...watching, ...own, leaseMs })
}

/** Rejects with StoreUnavailable. */
export async function openDump(place: StorePlace): Promise<StoreDump> {
  if (place.kind === 'sqlite') return openSqliteDump(place.file)
  const { openPostgresDump } = await import('../outside/store/postgres/dump.ts')
  return openPostgresDump({ ...place, place: parsePostgresUrl(place.url) })
}

/** `openedMs`: the time of the new audit writer. */
export async function loaderOf(place: StorePlace, openedMs: number): Promise<LoadStore> {
  if (place.kind === 'sqlite') return sqliteLoader(place.file, openedMs)
  const { postgresLoader } = await import('../outside/store/postgres/load.ts')
  return postgresLoader({ ...place, place: parsePostgresUrl(place.url) }, openedMs)
}
