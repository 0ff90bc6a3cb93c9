// `mortise store copy`: brings all that a store holds into another, empty one, of the same or the other kind, while no server uses
// either. The copy is read back and compared before it becomes a store. Part of the composition root.

import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import path from 'node:path'
import { chainHash } from '../../core/audit/chain.ts'
import { encodeRecord } from '../../core/backup/records.ts'
import {
  dumpedTypes,
  type DumpCounts,
  type DumpedRecord,
  type DumpedType,
  type DumpedWriter,
} from '../../core/ports/backup.ts'
import type { SecretRecord } from '../../core/ports/secrets.ts'
import { rootKeyUriOf } from '../../core/sealing/secrets.ts'
import { holdSqlite, type Held } from '../../outside/store/sqlite/hold.ts'
import { isPostgresUrl, parsePostgresUrl } from '../../outside/store/postgres/url.ts'
import { StartError } from '../../host/first-start.ts'
import { loaderOf, makeDataFolder, openDump, storeFile, type StorePlace } from '../../host/store-place.ts'
import { systemClock } from '../../host/system-clock.ts'

/** A place is a data folder, its database file, or postgres://user@host/database. */
export interface CopyStoreOptions {
  readonly from: string
  readonly to: string
  readonly fromPasswordFile: string | null
  readonly toPasswordFile: string | null
  readonly onProgress: (step: 'copied' | 'compared', done: number, total: number) => void
}

/** The result of `store copy`. */
export interface CopiedStore {
  readonly from: string
  readonly to: string
  /** The kind of the new store. */
  readonly kind: 'sqlite' | 'postgres'
  readonly objects: number
  readonly entries: number
  readonly records: number
  /** A digest of every record of either store: both gave the same. */
  readonly sha256: string
  /** The URIs of the root keys, as the data keys name them. */
  readonly rootKeys: readonly string[]
}

/** Rejects with StartError and StoreUnavailable, whose message says what to do; then no store was made. */
export async function copyStore(options: CopyStoreOptions): Promise<CopiedStore> {
  const from = placeOf('--from', options.from, options.fromPasswordFile)
  const to = placeOf('--to', options.to, options.toPasswordFile)
  if (shown(from) === shown(to))
    throw new StartError('--from and --to are the same place; nothing was changed')
  await using held = new AsyncDisposableStack()
  const hold = held.adopt(await holdSource(from), (one) => one.close())
  if (to.kind === 'sqlite') await makeDataFolder(path.dirname(to.file))
  const dump = held.adopt(await openDump(from), (one) => one.close())
  const total = totalOf(dump.counts)
  const read = new StoreTally(options.from)
  const load = await loaderOf(to, systemClock.now())
  const watch = (step: 'copied' | 'compared') => (done: number) => options.onProgress(step, done, total)
  await load(tallied(dump.pages(), read, watch('copied')), [], async (loaded) => {
    read.end()
    const written = new StoreTally(options.to)
    for await (const _ of tallied(loaded.pages(), written, watch('compared')));
    written.end()
    refuseDifferent(read, written)
    await hold.check()
  })
  return {
    from: shown(from),
    to: shown(to),
    kind: to.kind,
    objects: read.count('object'),
    entries: read.count('entry'),
    records: read.total,
    sha256: read.digest(),
    rootKeys: [...read.rootKeys].toSorted(),
  }
}

/** Throws StartError. */
function placeOf(flag: string, value: string, passwordFile: string | null): StorePlace {
  if (isPostgresUrl(value)) {
    try {
      parsePostgresUrl(value)
    } catch (error) {
      throw new StartError((error as Error).message.replace('server.store', flag))
    }
    return { kind: 'postgres', url: value, passwordFile }
  }
  const stats = statSync(value, { throwIfNoEntry: false })
  const isFolder = stats ? stats.isDirectory() : !value.endsWith('.db')
  const file = path.resolve(isFolder ? path.join(value, storeFile) : value)
  if (flag === '--from' && !statSync(file, { throwIfNoEntry: false }))
    throw new StartError(`${flag}: there is no database ${file}`)
  return { kind: 'sqlite', file }
}

async function holdSource(place: StorePlace): Promise<Held> {
  if (place.kind === 'sqlite') return holdSqlite(place.file)
  const { holdPostgres } = await import('../../outside/store/postgres/hold.ts')
  return holdPostgres({ ...place, place: parsePostgresUrl(place.url) })
}

function shown(place: StorePlace): string {
  return place.kind === 'sqlite' ? place.file : place.url
}

function totalOf({ entries, objects }: DumpCounts): number {
  return entries + Object.values(objects).reduce((sum, count) => sum + count, 0)
}

async function* tallied(
  pages: AsyncIterable<readonly DumpedRecord[]>,
  tally: StoreTally,
  onProgress: (done: number) => void,
): AsyncGenerator<readonly DumpedRecord[]> {
  for await (const page of pages) {
    for (const record of page) tally.add(record)
    yield page
    onProgress(tally.count('entry') + tally.count('object'))
  }
}

function refuseDifferent(read: StoreTally, written: StoreTally): void {
  const type = dumpedTypes.find((one) => !read.agrees(written, one))
  if (type === undefined) return
  throw new StartError(
    `what was written is not what was read (${type}: ${read.count(type)} records read, ${written.count(type)} written, or with ` +
      'other contents). No store was made. Look after the disk and the database, and repeat',
  )
}

/** Counts and digests the records of each type in their order, and follows the chain of each writer of the audit log. */
export class StoreTally {
  readonly rootKeys = new Set<string>()
  readonly #name: string
  readonly #types = new Map<DumpedType, { count: number; readonly hash: ReturnType<typeof createHash> }>()
  readonly #digests = new Map<DumpedType, string>()
  readonly #writers = new Map<string, { readonly head: DumpedWriter; number: number; hash: string }>()

  constructor(name: string) {
    this.#name = name
    for (const type of dumpedTypes) this.#types.set(type, { count: 0, hash: createHash('sha256') })
  }

  get total(): number {
    return dumpedTypes.reduce((sum, type) => sum + this.count(type), 0)
  }

  count(type: DumpedType): number {
    return this.#types.get(type)?.count ?? 0
  }

  /** Throws StartError if the record breaks the audit chain. */
  add(record: DumpedRecord): void {
    const tally = this.#types.get(record.type)
    if (!tally) throw new Error(`a dump has the type ${record.type}`)
    tally.count++
    tally.hash.update(encodeRecord(record))
    if (record.type === 'secret') this.#noteSystemKey(record.value)
    if (record.type === 'dataKey') this.rootKeys.add(record.value.rootKeyUri)
    if (record.type === 'writer') {
      const { writer, prunedTo: number, prunedHash: hash } = record.value
      this.#writers.set(writer, { head: record.value, number, hash })
    }
    if (record.type === 'entry') this.#follow(record.value)
  }

  /** After the last record. Throws StartError if the audit log lacks its end. */
  end(): void {
    for (const { head, number, hash } of this.#writers.values())
      if (number !== head.number || hash !== head.hash) throw this.#broken(head.writer, number + 1)
    for (const [type, { hash }] of this.#types) this.#digests.set(type, hash.digest('hex'))
  }

  agrees(other: StoreTally, type: DumpedType): boolean {
    return this.count(type) === other.count(type) && this.#digests.get(type) === other.#digests.get(type)
  }

  /** Covers everything. */
  digest(): string {
    const all = createHash('sha256')
    for (const type of dumpedTypes) all.update(`${type} ${this.count(type)} ${this.#digests.get(type)}\n`)
    return all.digest('hex')
  }

  #noteSystemKey(secret: SecretRecord): void {
    const uri = rootKeyUriOf(secret)
    if (uri !== null) this.rootKeys.add(uri)
  }

  #follow({ writer, number, body, hash }: { writer: string; number: number; body: string; hash: string }) {
    const walk = this.#writers.get(writer)
    if (!walk || number !== walk.number + 1 || chainHash(walk.hash, body) !== hash)
      throw this.#broken(writer, number)
    Object.assign(walk, { number, hash })
  }

  #broken(writer: string, number: number): StartError {
    return new StartError(
      `the audit log of ${this.#name} is not whole (entry ${number} of the writer ${writer}). No store was made. Keep a copy ` +
        'of it as it is; mortise audit verify says more, and docs/operate.md what to do',
    )
  }
}
