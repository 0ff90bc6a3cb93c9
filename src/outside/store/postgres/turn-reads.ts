// The reads that requests are decided on: the trust version, objects, and whether both are still the same. Those that are asked for in one
// turn of the event loop go to the database together, so that many hosts which ask at once cost it a few statements. None
// is sent before it was asked for, so it sees each commit that was answered by then.

import type { KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { StoredObject } from '../../../core/ports/objects.ts'
import { StoreUnavailable } from '../../../core/ports/store.ts'
import { ByObject } from '../access/by-object.ts'
import { requireExpected, type DecidingReads, type Expected } from '../expected.ts'
import { number, text } from '../row.ts'
import { storedObject } from '../rows.ts'
import { objectColumns, objectJoins } from '../sql.ts'
import { lastMarkColumns } from '../sql-marks.ts'
import { postgresTrouble } from './errors.ts'
import type { PostgresSession } from './session.ts'
import { postgresSql } from './sql.ts'

/** Objects by two lists, of their instances and of their identifiers. */
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

/** Each once. */
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

class Wanted {
  trust = false
  readonly objects = new Identifiers()
  readonly versions = new Identifiers()
}

interface Turn {
  readonly reads: Wanted
  readonly rows: Promise<Found>
}

interface Found {
  /** undefined: no read asked, or the database is a standby. */
  readonly trustVersion: number | undefined
  readonly objects: ByObject<StoredObject>
  readonly versions: ByObject<number>
}

type Read = <T>(work: (session: PostgresSession) => Promise<T>) => Promise<T>

export class TurnReads implements DecidingReads {
  readonly #read: Read
  /** Signs marks. */
  markKey: KeyObject | undefined
  #turn: Turn | undefined

  /** `read`: does the work on a connection, and rejects with StoreUnavailable. */
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

  /** A row that cannot be read fails only the request that asked for it: each request of its turn asks again alone. */
  async #rowsOf(want: (reads: Wanted) => void): Promise<Found> {
    const { reads, rows } = this.#now()
    want(reads)
    try {
      return await rows
    } catch (error) {
      if (error instanceof StoreUnavailable && postgresTrouble(error.cause) !== 'damaged') throw error
      const alone = new Wanted()
      want(alone)
      return this.#read((session) => ask(session, alone, this.markKey))
    }
  }

  #now(): Turn {
    return (this.#turn ??= { reads: new Wanted(), rows: this.#atTheEnd() })
  }

  async #atTheEnd(): Promise<Found> {
    await setImmediate()
    const turn = this.#turn
    this.#turn = undefined
    if (!turn) throw new Error('a turn ends once')
    return this.#read((session) => ask(session, turn.reads, this.markKey))
  }
}

async function ask(
  session: PostgresSession,
  { trust: wantsTrust, objects, versions }: Wanted,
  markKey: KeyObject | undefined,
): Promise<Found> {
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
    rows.versions.set(text(row, 'instanceId'), text(row, 'uniqueIdentifier'), number(row, 'version'))
  const [trustRow] = trust?.rows ?? []
  return { ...rows, trustVersion: trustRow && number(trustRow, 'version') }
}

function trustOf({ trustVersion }: Found): number {
  if (trustVersion !== undefined) return trustVersion
  throw new StoreUnavailable('unavailable', 'the database is a standby, and a standby answers nothing')
}
