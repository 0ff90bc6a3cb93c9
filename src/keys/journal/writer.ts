// How the journal of one instance is written: what is not in it yet, or all of it anew, as parts beside its root key.
// The database comes first: what is entered was committed before, and stays marked until its parts count. When it is
// written stands in journal.ts, how it looks in format.ts.

import { randomUUID, type KeyObject } from 'node:crypto'
import { limits } from '../../limits.ts'
import {
  journalPartName,
  journalPartNumber,
  packJournal,
  pieceBytesMax,
  sealPart,
  unpackRun,
  type JournalEntry,
  type JournalHeader,
  type JournalItem,
  type JournalSettings,
} from './format.ts'
import { anyPartKey, newPartKey, openJournalPart } from './part-key.ts'
import type { OpenRootKey } from '../../ports/root-key.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ObjectRecord, StoredObject } from '../../ports/objects.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store, Write } from '../../ports/store.ts'
import { RootKeyError, type RootKey, type Trail } from '../../ports/root-key.ts'
import { requireStandardKeys, type StandardKeyKeeper } from '../standard-keys/keeper.ts'
import { standardKeyPages } from '../standard-keys/pages.ts'
import { isPlace, unpackPlace } from '../standard-keys/place.ts'
import type { Instance } from '../../trust/rows.ts'

export interface JournalWriterOptions {
  readonly store: Store
  readonly clock: Clock
  readonly openRootKey: OpenRootKey
  readonly keeper: Pick<StandardKeyKeeper, 'make' | 'counts' | 'unwanted' | 'discard'>
}

/** What parts that are written together have in common. */
interface Pen {
  readonly instance: Instance
  readonly rootKey: RootKey
  readonly dataKey: KeyObject
  readonly header: JournalHeader
  readonly bytesMax: number
  /**
   * `next`: of the next part, above all that there are, so that no name is given twice; it also tells when it was
   * written. `last`: of the last one that counts; 0: there is none.
   */
  readonly numbers: { next: number; last: number }
  readonly trail: Trail | undefined
}

type Part = StandardKeyRecord & { readonly standardKeyId: string }
type Noted = Extract<Write, { readonly type: 'journaled' }>['objects'][number]

const rowsPage = 500

export class JournalWriter {
  readonly #options: JournalWriterOptions
  /** Settings as they were last written, by instance; a restart forgets them, and they are written once more. */
  readonly #settings = new Map<string, string>()
  /** How many parts the instance needs, as last counted. */
  readonly #needed = new Map<string, number>()

  constructor(options: JournalWriterOptions) {
    this.#options = options
  }

  /**
   * Enters what is not in the journal yet. Throws RootKeyError, and StoreConflict or StoreUnavailable; what was
   * entered until then counts, the rest stays marked.
   */
  async flush(instance: Instance, trail?: Trail): Promise<void> {
    const { store, keeper } = this.#options
    const current = (await this.#rows(instance.id)).filter(({ state }) => state === 'current')
    const here = current.filter(({ rootKeyUri }) => rootKeyUri === instance.rootKeyUri)
    if (here.length === 0) return this.rewrite(instance, trail)
    // Where all keys have left, the journal has nothing to tell any more.
    if (here.length < current.length && instance.work?.kind !== 'move') {
      const elsewhere = current.filter(({ rootKeyUri }) => rootKeyUri !== instance.rootKeyUri)
      await this.#commit(elsewhere.map((row) => keeper.unwanted(row)))
      await keeper.discard(elsewhere.map((row) => ({ ...row, state: 'unwanted' as const })))
    }
    let pen: Pen | undefined
    let settings = this.#settingsToWrite(instance)
    for (;;) {
      const page = await store.unjournaled(instance.id, limits.journalPageObjects)
      const items = [
        ...(page.length > 0 || settings?.changed ? (settings?.items ?? []) : []),
        ...page.map(entryOf),
      ]
      if (items.length === 0) return
      pen ??= await this.#pen(instance, trail)
      await this.#enter(pen, items, [journaled(instance.id, page.map(noted))])
      this.#settings.set(instance.id, JSON.stringify(settingsOf(instance)))
      settings = undefined
      if (page.length < limits.journalPageObjects) return
    }
  }

  /**
   * Writes the whole journal anew, and gives up what there was. New parts count from the same commit on from which the
   * old ones do not. Throws as `flush` does, with nothing changed.
   */
  async rewrite(
    instance: Instance,
    trail?: Trail,
    { moving = instance.work?.kind === 'move' } = {},
  ): Promise<void> {
    const { keeper } = this.#options
    const old = (await this.#rows(instance.id)).filter(
      ({ state, rootKeyUri }) =>
        state === 'current' && (rootKeyUri === instance.rootKeyUri || instance.work?.kind !== 'move'),
    )
    const pen = await this.#pen(instance, trail)
    const from = pen.numbers.next
    const parts: Part[] = []
    const all: Noted[] = []
    try {
      let waiting: JournalItem[] = [{ kind: 'settings', settings: settingsOf(instance) }]
      for await (const page of this.#allObjects(instance.id)) {
        if (all.length > 0) parts.push(...(await this.#write(pen, waiting.splice(0))))
        waiting = [...waiting, ...page.map(entryOf)]
        all.push(...page.map(noted))
      }
      parts.push(...(await this.#write(pen, [...waiting, { kind: 'whole', from, moving }])))
      await this.#commit([
        ...parts.map((part) => keeper.counts(part)),
        ...old.map((row) => keeper.unwanted(row)),
        journaled(instance.id, all),
      ])
    } catch (error) {
      void keeper.discard(parts)
      throw error
    }
    this.#settings.set(instance.id, JSON.stringify(settingsOf(instance)))
    this.#needed.set(instance.id, parts.length)
    await keeper.discard(old.map((row) => ({ ...row, state: 'unwanted' as const })))
  }

  /** Says beside the root key that the instance leaves where it goes. Throws as `flush` does. */
  async depart(instance: Instance, fromRootKeyUri: string): Promise<void> {
    const { clock, openRootKey } = this.#options
    const { id: rootKeyId } = await openRootKey(instance.rootKeyUri, instance.id)
    const { rootKeyUri, custody } = instance
    const pen = await this.#pen({ ...instance, rootKeyUri: fromRootKeyUri }, undefined)
    const departure = { kind: 'departure', atMs: clock.now(), custody, rootKeyUri, rootKeyId } as const
    await this.#enter(pen, [departure])
  }

  /** Whether there are so many more parts than are needed that writing it anew is worth it. */
  async isTooLong(instance: Instance): Promise<boolean> {
    const rows = await this.#rows(instance.id)
    const now = rows.filter(({ state }) => state === 'current').length
    const known = this.#needed.get(instance.id) ?? 0
    if (now <= limits.journalPartsSpare + 2 * known) return false
    const pen = await this.#pen(instance, undefined, { seal: false })
    let needed = 0
    for await (const page of this.#allObjects(instance.id))
      for await (const { pieces } of packJournal(page.map(entryOf), pen.bytesMax)) needed += pieces.length
    this.#needed.set(instance.id, needed)
    return now > limits.journalPartsSpare + 2 * needed
  }

  /** Reads one of the parts back, as a restore would. Throws RootKeyError. */
  async check(instance: Instance): Promise<void> {
    const rows = await this.#rows(instance.id)
    const part = rows.find(({ state, standardKeyId }) => state === 'current' && standardKeyId !== null)
    const rootKey = await this.#options.openRootKey(instance.rootKeyUri, instance.id)
    const payload = await requireStandardKeys(rootKey).read(part?.standardKeyId ?? '')
    const { header, piece } = await openJournalPart(rootKey, payload)
    const items = await unpackRun([piece])
    if (header.instance === instance.id && items.length > 0) return
    throw new RootKeyError(
      'root-key',
      `what was written beside ${instance.rootKeyUri} does not come back the same`,
    )
  }

  /** The instance keeps no journal any more. What cannot be deleted now is left to the sweep. */
  async end(instanceId: string): Promise<void> {
    const { keeper } = this.#options
    const rows = (await this.#rows(instanceId)).filter(({ state }) => state !== 'unwanted')
    await this.#commit([{ type: 'journal-ended', instanceId }, ...rows.map((row) => keeper.unwanted(row))])
    this.#settings.delete(instanceId)
    this.#needed.delete(instanceId)
    await keeper.discard(rows.map((row) => ({ ...row, state: 'unwanted' as const })))
  }

  #settingsToWrite(
    instance: Instance,
  ): { readonly changed: boolean; readonly items: readonly JournalItem[] } | undefined {
    const settings = settingsOf(instance)
    const known = this.#settings.get(instance.id)
    if (known === JSON.stringify(settings)) return undefined
    return { changed: known !== undefined, items: [{ kind: 'settings', settings }] }
  }

  /** Items as parts that count from the same commit on. */
  async #enter(pen: Pen, items: readonly JournalItem[], writes: readonly Write[] = []): Promise<void> {
    const { next: from, last: follows } = pen.numbers
    const parts = await this.#write(pen, [...items, { kind: 'end', from, follows }])
    await this.#commit([...parts.map((part) => this.#options.keeper.counts(part)), ...writes])
    pen.numbers.last = pen.numbers.next - 1
  }

  /** Items as parts at the service, all of them intents still. When one fails the others are given up. */
  async #write(pen: Pen, items: readonly JournalItem[]): Promise<readonly Part[]> {
    const wanted: { readonly header: JournalHeader; readonly piece: Buffer }[] = []
    for await (const { pieces } of packJournal(items, pen.bytesMax)) {
      const run = randomUUID()
      for (const [index, piece] of pieces.entries())
        wanted.push({
          header: { ...pen.header, number: pen.numbers.next++, run, piece: index, pieces: pieces.length },
          piece,
        })
    }
    const parts: Part[] = []
    for (let at = 0; at < wanted.length; at += limits.journalPartsAtOnce) {
      const some = wanted.slice(at, at + limits.journalPartsAtOnce)
      const made = await Promise.allSettled(some.map(({ header, piece }) => this.#make(pen, header, piece)))
      for (const one of made) if (one.status === 'fulfilled') parts.push(one.value)
      const failed = made.find((one) => one.status === 'rejected')
      if (!failed) continue
      void this.#options.keeper.discard(parts)
      throw failed.reason
    }
    return parts
  }

  #make({ instance, rootKey, dataKey, trail }: Pen, header: JournalHeader, piece: Buffer): Promise<Part> {
    const identifier = journalPartName(instance.id, header.number)
    const wanted = { instanceId: instance.id, kind: 'journal', identifier, generation: 1, rootKey } as const
    const payloadOf = (generation: number) => {
      const payload = sealPart(dataKey, { ...header, generation }, piece)
      return Promise.resolve({ payload, keyVersion: header.keyVersion })
    }
    return this.#options.keeper.make(wanted, payloadOf, trail)
  }

  /** `seal: false`: only to know how much fits. */
  async #pen(instance: Instance, trail: Trail | undefined, { seal = true } = {}): Promise<Pen> {
    const rootKey = await this.#options.openRootKey(instance.rootKeyUri, instance.id)
    const shelf = requireStandardKeys(rootKey)
    const rows = await this.#rows(instance.id)
    const current = rows
      .filter(({ state }) => state === 'current')
      .toSorted((a, b) => numberOf(b) - numberOf(a))
    const beside = current.filter(({ rootKeyUri }) => rootKeyUri === rootKey.uri)
    const { dataKey, said } = await (seal ? newPartKey(rootKey, instance.id, beside, trail) : anyPartKey())
    const header: JournalHeader = {
      format: 1,
      kind: 'journal',
      instance: instance.id,
      number: 0,
      generation: 0,
      run: randomUUID(),
      piece: 0,
      pieces: 1,
      ...said,
    }
    const bytesMax = pieceBytesMax(shelf.payloadBytesMax, header)
    const next = Math.max(this.#options.clock.now(), ...rows.map((row) => numberOf(row) + 1))
    const last = current[0] === undefined ? 0 : numberOf(current[0])
    return { instance, rootKey, dataKey, header, bytesMax, numbers: { next, last }, trail }
  }

  async #rows(instanceId: string): Promise<readonly StandardKeyRecord[]> {
    const query = { instanceId, kind: 'journal', limit: rowsPage } as const
    const rows: StandardKeyRecord[] = []
    for await (const page of standardKeyPages(this.#options.store, query)) rows.push(...page)
    return rows
  }

  /** In pages, newest first, destroyed ones included. */
  async *#allObjects(instanceId: string): AsyncGenerator<readonly StoredObject[]> {
    let beforeSequence: number | undefined
    for (;;) {
      const page = await this.#options.store.objects({
        instanceId,
        includeDestroyed: true,
        limit: limits.journalPageObjects,
        ...(beforeSequence !== undefined && { beforeSequence }),
      })
      if (page.length > 0) yield page
      if (page.length < limits.journalPageObjects) return
      beforeSequence = page.at(-1)?.sequence
    }
  }

  #commit(writes: readonly Write[]): Promise<void> {
    return this.#options.store.commit({ writes, entries: [], durability: 'disk' })
  }
}

function numberOf({ instanceId, identifier }: StandardKeyRecord): number {
  return journalPartNumber(instanceId, identifier) ?? 0
}

function settingsOf(instance: Instance): JournalSettings {
  const { name, cacheSeconds, outageSeconds, expiredGraceDays, portable, createdMs } = instance
  return { name, cacheSeconds, outageSeconds, expiredGraceDays, portable, createdMs }
}

function entryOf(record: ObjectRecord): JournalEntry {
  const { uniqueIdentifier, objectType, state, version, createdMs, attributes, sealed } = record
  const place = sealed !== null && isPlace(sealed) ? unpackPlace(sealed) : undefined
  const generation = sealed === null ? null : (place?.generation ?? 'data-key')
  const rootKeyId = place?.rootKeyId ?? null
  return {
    kind: 'object',
    uniqueIdentifier,
    objectType,
    state,
    version,
    createdMs,
    attributes,
    generation,
    rootKeyId,
  }
}

function noted({ uniqueIdentifier, version }: ObjectRecord): Noted {
  return { uniqueIdentifier, version }
}

function journaled(instanceId: string, objects: readonly Noted[]): Write {
  return { type: 'journaled', instanceId, objects }
}
