// The reads by which the server decides about requests: the trust version, objects, and whether both are still the same. All reads of
// one turn of the event loop go to the database together, so that many hosts which ask at once cost the database a few statements. Each
// read is sent after its caller asked for it, so it sees every commit that was answered before.

import type { KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { StoredObject } from '../../../core/ports/objects.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { ByObject } from '../access/by-object.ts'
import { requireExpected, type DecidingReads, type Expected } from '../expected.ts'
import { numberIn, textIn } from '../row.ts'
import { storedObject } from '../rows.ts'
import { objectColumns, objectJoins } from '../sql.ts'
import { lastMarkColumns } from '../sql-marks.ts'
import { postgresTrouble } from './errors.ts'
import type { PostgresSession } from './session.ts'
import { postgresSql } from './sql.ts'

/** Selects objects by two lists: their instances, and their identifiers. */
const listed = `
  FROM unnest($1::text[], $2::text[]) AS w (instance, identifier)
  JOIN objects o ON o.instance_id = w.instance AND o.unique_identifier = w.identifier`
const objectsSql = `
  SELECT ${objectColumns}, ${lastMarkColumns} ${listed} ${objectJoins}
  LEFT JOIN LATERAL (
    SELECT * FROM marks l WHERE l.instance_id = o.instance_id AND l.unique_identifier = o.unique_identifier
    ORDER BY l.number DESC LIMIT 1
  ) k ON true`
const versionsSql = `
  SELECT o.instance_id AS "instanceId", o.unique_identifier AS "uniqueIdentifier", o.version ${listed}`

/** The identifiers of the objects to read, each only once. */
class Identifiers {
  readonly lists: [instanceIds: string[], uniqueIdentifiers: string[]] = [[], []]
  readonly #has = new ByObject<true>()

  add(instanceId: string, uniqueIdentifier: string): void {
    if (this.#has.get(instanceId, uniqueIdentifier)) return
    this.#has.set(instanceId, uniqueIdentifier, true)
    this.lists[0].push(instanceId)
    this.lists[1].push(uniqueIdentifier)
  }
}

class ReadList {
  trust = false
  readonly objects = new Identifiers()
  readonly versions = new Identifiers()
}

interface Turn {
  readonly reads: ReadList
  readonly rows: Promise<TurnRows>
}

interface TurnRows {
  /** undefined: no caller asked for it, or the database is a standby. */
  readonly trustVersion: number | undefined
  readonly objects: ByObject<StoredObject>
  readonly versions: ByObject<number>
}

type Read = <T>(work: (session: PostgresSession) => Promise<T>) => Promise<T>

export class TurnReads implements DecidingReads {
  readonly #read: Read
  /** The key that signs marks (core/ports/marks.ts). */
  markKey: KeyObject | undefined
  #turn: Turn | undefined

  /** `read` runs the work on a connection, and rejects with StoreUnavailable. */
  constructor(read: Read) {
    this.#read = read
  }

  async trustVersion(): Promise<number> {
    return trustOf(await this.#rowsOf((reads) => (reads.trust = true)))
  }

  async object(instanceId: string, uniqueIdentifier: string): Promise<StoredObject | undefined> {
    const { objects } = await this.#rowsOf((reads) => reads.objects.add(instanceId, uniqueIdentifier))
    return objects.get(instanceId, uniqueIdentifier)
  }

  /** Rejects with StoreConflict. */
  async check(expected: Expected): Promise<void> {
    const rows = await this.#rowsOf((reads) => {
      reads.trust ||= expected.trustVersion !== undefined
      for (const one of expected.objects ?? []) reads.versions.add(one.instanceId, one.uniqueIdentifier)
    })
    requireExpected(expected, {
      trustVersion: () => trustOf(rows),
      objectVersion: (...object) => rows.versions.get(...object) ?? null,
    })
  }

  /**
   * If the database cannot read a row, each request of the turn asks again alone, so that only the requests that need this row fail.
   */
  async #rowsOf(want: (reads: ReadList) => void): Promise<TurnRows> {
    const { reads, rows } = this.#now()
    want(reads)
    try {
      return await rows
    } catch (error) {
      if (error instanceof StoreUnavailable && postgresTrouble(error.cause) !== 'damaged') throw error
      const alone = new ReadList()
      want(alone)
      return this.#read((session) => ask(session, alone, this.markKey))
    }
  }

  #now(): Turn {
    return (this.#turn ??= { reads: new ReadList(), rows: this.#atTheEnd() })
  }

  async #atTheEnd(): Promise<TurnRows> {
    await setImmediate()
    const turn = this.#turn
    this.#turn = undefined
    if (!turn) throw new Error('a turn ends once')
    return this.#read((session) => ask(session, turn.reads, this.markKey))
  }
}

async function ask(
  session: PostgresSession,
  { trust: wantsTrust, objects, versions }: ReadList,
  markKey: KeyObject | undefined,
): Promise<TurnRows> {
  const rowsOf = async (sql: string, { lists }: Identifiers) =>
    lists[0].length === 0 ? [] : (await session.query(sql, lists)).rows
  const [trust, objectRows, versionRows] = await Promise.all([
    wantsTrust ? session.query(postgresSql.trustVersion) : undefined,
    rowsOf(objectsSql, objects),
    rowsOf(versionsSql, versions),
  ])
  const rows = { objects: new ByObject<StoredObject>(), versions: new ByObject<number>() }
  for (const object of objectRows.map((row) => storedObject(row, markKey)))
    rows.objects.set(object.instanceId, object.uniqueIdentifier, object)
  for (const row of versionRows)
    rows.versions.set(textIn(row, 'instanceId'), textIn(row, 'uniqueIdentifier'), numberIn(row, 'version'))
  const [trustRow] = trust?.rows ?? []
  return { ...rows, trustVersion: trustRow && numberIn(trustRow, 'version') }
}

function trustOf({ trustVersion }: TurnRows): number {
  if (trustVersion !== undefined) return trustVersion
  throw new StoreUnavailable('unavailable', 'the database is a standby, and a standby answers nothing')
}
