// Markers: standard keys without key material. Their descriptions say where a whole instance went, and which epoch its server
// has. The service shows a description even after the marker was deleted (rules.ts, rules 5 and 6).

import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { KeyedMutex } from '../../../base/keyed-mutex.ts'
import { standardKeyLookAfterMs } from '../../../base/bounds.ts'
import { standardKeyClockSkewMs } from './bounds.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store, Write } from '../../ports/store.ts'
import {
  RootKeyError,
  StandardKeyUncertain,
  unlessRootKeyError,
  type OpenRootKey,
  type RootKey,
  type StandardKeyEntry,
} from '../../ports/root-key.ts'
import { describeMarker, markerName, readDescription } from './description.ts'
import type { CustodyInstance, LongWork } from '../custody.ts'
import type { ListedStandardKey } from './lookup.ts'
import { isRepeated, isSameStatement, isYoung, mayWrite, type Marker, type MarkerSays } from './rules.ts'
import { readIfThere, requireStandardKeys } from './copies.ts'
import type { StandardKeyTroubles } from '../../sealing/standard-key-troubles.ts'

/** The server relies this long on its last check for a higher epoch. */
export const epochLookMs = 5_000

export interface MarkersOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  /** The epoch of an instance; undefined if the instance is deleted. */
  readonly epochOf: (instanceId: string) => Promise<number | undefined>
  readonly troubles: StandardKeyTroubles
}

const saysForm = z.union([
  z.object({ way: z.literal('stays') }),
  z.object({
    way: z.enum(['to', 'from']),
    /** `none`: the instance was deleted. */
    custody: z.enum(['database', 'keyprotect', 'none']),
    rootKeyUri: z.string(),
  }),
])

/** The full content of a marker; its description has room for ids alone. */
export type MarkerText = z.infer<typeof saysForm>

const payloadForm = z.object({ says: saysForm, atMs: z.int() })

/** A marker that the server has yet to store. The commit of the change that it marks writes it. */
export interface WantedMarker {
  readonly instanceId: string
  /** The root key beside which it is stored. */
  readonly rootKeyUri: string
  readonly epoch: number
  readonly says: MarkerText
  /**
   * Higher than the numbers of all markers of the instance in the database, and, once it is stored, of those that the service
   * still knows.
   */
  readonly number: number
}

type MarkedInstance = Pick<CustodyInstance, 'id' | 'rootKeyUri' | 'custody' | 'epoch'>

export class Markers {
  readonly #options: MarkersOptions
  /** By instance and root key: monotonic milliseconds of the last check. */
  readonly #looked = new Map<string, number>()
  /** One `settle` at a time for each instance: two at once would store the same marker twice. */
  readonly #settling = new KeyedMutex()

  constructor(options: MarkersOptions) {
    this.#options = options
  }

  /**
   * The write that makes a marker due. Its number comes from the clock, because the service lists deleted markers too; `settle`
   * raises it where the clock was set back.
   */
  async due(marker: Omit<WantedMarker, 'number'>): Promise<Write> {
    const rows = await this.rows(marker.instanceId)
    const nowMs = this.#options.clock.now()
    const number = Math.max(Math.floor(nowMs / 1000), ...rows.map(({ generation }) => generation + 1))
    return { type: 'standard-key', record: markerRecord(randomUUID(), { ...marker, number }, 'due', nowMs) }
  }

  async rows(instanceId: string): Promise<readonly StandardKeyRecord[]> {
    return this.#options.store.standardKeys({ instanceId, kind: 'marker', limit: 1_000 })
  }

  /**
   * Stores the markers that are due, and deletes those that a newer one beside the same root key replaces. `rootKeyUris`: works
   * only beside these root keys. Tries all, then throws the first RootKeyError. Also throws one if another server has a higher
   * epoch.
   */
  async settle(instanceId: string, ...rootKeyUris: readonly string[]): Promise<void> {
    const some = rootKeyUris.length > 0 ? rootKeyUris : undefined
    const [failure] = (await this.settleEach(instanceId, some)).values()
    if (failure) throw failure
  }

  /** Settles as `settle` does, but returns the failures by root key. An unreachable root key does not block the others. */
  settleEach(instanceId: string, rootKeyUris?: Iterable<string>): Promise<ReadonlyMap<string, RootKeyError>> {
    return this.#settling.run(instanceId, async () => {
      const uris = rootKeyUris ?? (await this.rows(instanceId)).map((row) => row.rootKeyUri)
      const failures = new Map<string, RootKeyError>()
      for (const uri of new Set(uris))
        await this.#settle(instanceId, uri).catch((error: unknown) => {
          if (!(error instanceof RootKeyError)) throw error
          failures.set(uri, error)
        })
      return failures
    })
  }

  /** Stores a marker unless it is there; returns its id at the service. Throws RootKeyError. */
  async store(rootKey: RootKey, { instanceId, epoch, says, number }: WantedMarker): Promise<string> {
    const { clock } = this.#options
    const standardKeys = requireStandardKeys(rootKey)
    const name = markerName(instanceId)
    const short = await this.#shortForm(instanceId, says)
    const description = describeMarker({ instanceId, rootKeyId: rootKey.id, number, epoch, says: short })
    const payload = Buffer.from(JSON.stringify({ says, atMs: clock.now() }))
    const there = async () =>
      (await standardKeys.find(name)).find((entry) => entry.description === description)?.id
    const id = await there()
    if (id !== undefined) return id
    try {
      return await standardKeys.create({ name, description, payload })
    } catch (error) {
      if (!(error instanceof StandardKeyUncertain)) throw error
      await clock.sleep(standardKeyLookAfterMs)
      const late = await there().catch(() => undefined)
      if (late === undefined) throw error
      return late
    }
  }

  /**
   * Deletes the 'from' markers once this work has brought all keys here. Where it cannot delete the marker of an earlier target
   * of the instance, the sweep does that later. Throws RootKeyError, and every error of `work`.
   */
  async arrived(
    { id: instanceId, rootKeyUri, custody, epoch = 0 }: MarkedInstance,
    work: LongWork,
  ): Promise<void> {
    const from = (await this.rows(instanceId)).filter((row) => wantedOf(row).says.way === 'from')
    // If another move replaces this one, its markers came later: `now` throws then.
    await work.now()
    const isHere = custody === 'keyprotect' && from.some((row) => row.rootKeyUri === rootKeyUri)
    if (epoch > 0 && isHere) {
      const stays = await this.due({ instanceId, rootKeyUri, epoch, says: { way: 'stays' } })
      await work.commit({ writes: [stays], entries: [] })
      await this.settle(instanceId, rootKeyUri)
    }
    for (const row of from)
      await this.end(row).catch((error: unknown) => {
        if (row.rootKeyUri === rootKeyUri) throw error
        unlessRootKeyError(error)
      })
  }

  /** Deletes a marker and its row. Throws RootKeyError. */
  async end(row: StandardKeyRecord): Promise<void> {
    const { store, openRootKey } = this.#options
    this.refuseIfFenced(row.instanceId)
    const rootKey = await openRootKey(row.rootKeyUri, row.instanceId)
    await requireStandardKeys(rootKey).remove(row.id)
    await store.commit({
      writes: [{ type: 'standard-key-removed', id: row.id }],
      entries: [],
      durability: 'disk',
    })
  }

  /** Deletes markers that repeat another one. `listed`: all that the services list, including deleted ones. Throws RootKeyError. */
  async endRepeated(instanceId: string, listed: readonly ListedStandardKey[]): Promise<void> {
    const rows = await this.rows(instanceId)
    for (const here of Map.groupBy(listed, ({ rootKey }) => rootKey).values()) {
      const markers = markersIn(instanceId, here)
      for (const marker of markers) {
        const one = here.find(({ id }) => id === marker.id)
        if (!one || isYoung(one.ageMs)) continue
        const { uri } = one.rootKey
        const row = rows.find(
          ({ generation, rootKeyUri }) => generation === marker.number && rootKeyUri === uri,
        )
        if (isRepeated(marker, markers, row?.id)) await requireStandardKeys(one.rootKey).remove(marker.id)
      }
    }
  }

  /** Whether the newest marker beside this root key is stored, and says that the instance leaves or has left. */
  async saysLeft(instanceId: string, rootKeyUri: string): Promise<boolean> {
    const newest = newestBeside(rootKeyUri, await this.rows(instanceId))
    return newest?.state === 'current' && wantedOf(newest).says.way === 'to'
  }

  /** Whether the newest stored marker beside this root key says that the instance leaves or has left. A newer one may be due. */
  async saidLeft(instanceId: string, rootKeyUri: string): Promise<boolean> {
    const stored = (await this.rows(instanceId)).filter(({ state }) => state === 'current')
    const newest = newestBeside(rootKeyUri, stored)
    return newest !== undefined && wantedOf(newest).says.way === 'to'
  }

  /**
   * Rule 6, before anything is deleted: checks that no other server has a higher epoch, and records this server's epoch. The
   * result stays valid for `epochLookMs`: Key Protect has no fencing, and the other rules hold while two servers act. Throws
   * RootKeyError.
   */
  async requireHighest(instanceId: string, rootKey: RootKey): Promise<void> {
    const { clock } = this.#options
    const where = JSON.stringify([instanceId, rootKey.uri])
    const nowMs = clock.monotonic()
    const isOld = nowMs - (this.#looked.get(where) ?? -Infinity) >= epochLookMs
    if (isOld) await this.#look(instanceId, rootKey)
    this.refuseIfFenced(instanceId)
    if (isOld) this.#looked.set(where, nowMs)
    await this.#recordEpoch(instanceId, rootKey)
  }

  /** Throws RootKeyError if this node knows that another server has a higher epoch. Makes no call. */
  refuseIfFenced(instanceId: string): void {
    if (this.#options.troubles.isFenced(instanceId)) throw new RootKeyError('wrapped-form', fencedMessage)
  }

  /** Compares this server's epoch with the markers that were seen, and fences it or lifts the fence. */
  async updateFence(instanceId: string, markers: readonly Marker[]): Promise<void> {
    const { epochOf, troubles } = this.#options
    const own = (await epochOf(instanceId)) ?? epochIn(await this.rows(instanceId))
    const live = markers.filter(({ isLive }) => isLive)
    if (mayWrite(own, live)) troubles.unfenced(instanceId)
    else troubles.fenced(instanceId, fencedMessage)
  }

  /** The short form for a description, which has room for the id of a root key but not for its URI. */
  async #shortForm(instanceId: string, says: MarkerText): Promise<MarkerSays> {
    if (says.way === 'stays') return { way: 'stays', place: '' }
    const { way, custody, rootKeyUri } = says
    if (custody !== 'keyprotect') return { way, place: custody === 'database' ? 'database' : 'nowhere' }
    return { way, place: (await this.#options.openRootKey(rootKeyUri, instanceId)).id }
  }

  async #settle(instanceId: string, rootKeyUri: string): Promise<void> {
    const { store, openRootKey } = this.#options
    const rowsHere = async () => (await this.rows(instanceId)).filter((row) => row.rootKeyUri === rootKeyUri)
    for (const row of (await rowsHere()).toSorted((a, b) => a.generation - b.generation)) {
      if (row.state !== 'due') continue
      this.refuseIfFenced(instanceId)
      const rootKey = await openRootKey(row.rootKeyUri, instanceId)
      const marker = await this.#aboveListed(rootKey, wantedOf(row))
      const id = await this.store(rootKey, marker)
      const record = { ...row, id, generation: marker.number, state: 'current' as const }
      await store.commit({
        writes: [
          { type: 'standard-key-removed', id: row.id },
          { type: 'standard-key', record },
        ],
        entries: [],
        durability: 'disk',
      })
    }
    const rows = (await rowsHere()).toSorted((a, b) => b.generation - a.generation)
    for (const row of rows.slice(1)) if (wantedOf(row).says.way !== 'from') await this.end(row)
  }

  /**
   * Returns the marker with a number above all that the service lists; or with the number under which an attempt without an
   * answer stored it.
   */
  async #aboveListed(rootKey: RootKey, newMarker: WantedMarker): Promise<WantedMarker> {
    const { instanceId, epoch, says } = newMarker
    const entries = await requireStandardKeys(rootKey).find(markerName(instanceId), { deleted: true })
    const listed = markersIn(instanceId, entries).filter(({ rootKeyId }) => rootKeyId === rootKey.id)
    const short = await this.#shortForm(instanceId, says)
    const number = listed.reduce((most, marker) => Math.max(most, marker.number + 1), newMarker.number)
    if (number === newMarker.number) return newMarker
    const newest = { epoch, rootKeyId: rootKey.id, says: short, number: number - 1 }
    const isStored = listed.some((marker) => marker.isLive && isSameStatement(marker, newest))
    return { ...newMarker, number: isStored ? newest.number : number }
  }

  /** Stores the epoch of a restored database beside this root key, before anything is deleted there. Throws RootKeyError. */
  async #recordEpoch(instanceId: string, rootKey: RootKey): Promise<void> {
    const rows = (await this.rows(instanceId)).filter(({ rootKeyUri }) => rootKeyUri === rootKey.uri)
    const recorded = rows.filter(({ state }) => state === 'current')
    if (epochIn(rows) > epochIn(recorded)) await this.settle(instanceId, rootKey.uri)
  }

  async #look(instanceId: string, rootKey: RootKey): Promise<void> {
    const { clock } = this.#options
    const lookedAt = this.#looked.get(JSON.stringify([instanceId, rootKey.uri]))
    // A marker that the last check did not see is younger than that check.
    const sinceMs =
      lookedAt === undefined
        ? {}
        : { sinceMs: clock.now() - (clock.monotonic() - lookedAt) - standardKeyClockSkewMs }
    const entries = await requireStandardKeys(rootKey).find(markerName(instanceId), sinceMs)
    await this.updateFence(instanceId, markersIn(instanceId, entries))
  }
}

const fencedMessage =
  "another server uses this instance, and was restored later than this one: this one creates and deletes nothing at the root key's service any more"

export function markersIn(instanceId: string, entries: readonly StandardKeyEntry[]): readonly Marker[] {
  return entries.flatMap(({ id, description, deleted }) => {
    const said = readDescription(description)
    if (said?.kind !== 'marker' || said.instanceId !== instanceId) return []
    const { number, epoch, rootKeyId, says } = said
    return [{ id, number, epoch, rootKeyId, says, isLive: !deleted }]
  })
}

export function markerRecord(
  id: string,
  { instanceId, rootKeyUri, epoch, says, number }: WantedMarker,
  state: StandardKeyRecord['state'],
  createdMs: number,
): StandardKeyRecord {
  const identifier = JSON.stringify({ epoch, says })
  return {
    id,
    instanceId,
    kind: 'marker',
    identifier,
    generation: number,
    rootKeyUri,
    state,
    keyVersion: '',
    createdMs,
  }
}

/** The full text of a live marker; null if it cannot be read. Throws RootKeyError. */
export async function readMarker(
  rootKey: RootKey,
  { id }: Pick<Marker, 'id'>,
): Promise<z.infer<typeof payloadForm> | null> {
  const payload = await readIfThere(rootKey, id)
  if (!payload) return null
  try {
    return payloadForm.parse(JSON.parse(Buffer.from(payload).toString('utf8')))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return null
    throw error
  }
}

/** The marker that a row describes. */
export function wantedOf(row: StandardKeyRecord): WantedMarker {
  const { epoch, says } = JSON.parse(row.identifier) as Pick<WantedMarker, 'epoch' | 'says'>
  const { instanceId, rootKeyUri, generation: number } = row
  return { instanceId, rootKeyUri, epoch, says, number }
}

function newestBeside(rootKeyUri: string, rows: readonly StandardKeyRecord[]): StandardKeyRecord | undefined {
  const here = rows.filter((row) => row.rootKeyUri === rootKeyUri)
  return here.toSorted((a, b) => a.generation - b.generation).at(-1)
}

function epochIn(rows: readonly StandardKeyRecord[]): number {
  return rows.reduce((most, row) => Math.max(most, wantedOf(row).epoch), 0)
}
