// An instance brought back from what lies beside its root key (custody keyprotect), for a server whose database is gone.
// Objects are written first and the instance last: until then nobody sees anything of it, and what was cut off in
// between is simply done again. What is read stands in reading.ts, what follows from it in rules.ts. It opens one key
// only, as a proof.

import { randomUUID } from 'node:crypto'
import { limits } from '../../limits.ts'
import type { Access } from '../trust/access.ts'
import type { ApiKeys } from '../api-keys.ts'
import type { By } from '../caller.ts'
import { isThere, type InstanceRestores } from './instance-restores.ts'
import type { Keyring } from '../keyring.ts'
import { toWrite } from '../managed-object.ts'
import type { Clock, ObjectRecord, StandardKeyRecord, Store, Write } from '../ports.ts'
import { RootKeyError, type RootKey, type StandardKeys } from '../root-key.ts'
import { listInstances, readJournal, readKeys, type FoundInstance, type FoundPart } from './reading.ts'
import {
  mergeJournal,
  recoverObjects,
  rowId,
  type Journaled,
  type Recovered,
  type RecoveredObject,
  type RecoveredPlace,
} from './rules.ts'
import { reportOf, type RecoveryReport } from './report.ts'
import { requireStandardKeys } from '../standard-keys/keeper.ts'
import { standardKeyAad, unpackPlace, unpackStandardKey } from '../standard-keys/place.ts'
import type { Instance } from '../trust/rows.ts'

export interface RecoveryParts {
  readonly store: Store
  readonly clock: Clock
  readonly access: Pick<Access, 'instance'>
  readonly keyring: Pick<Keyring, 'make' | 'openRootKey'>
  readonly apiKeys: Pick<ApiKeys, 'with'>
  readonly restores: InstanceRestores
}

export interface RecoveryWanted {
  /** As it is kept: an alias resolved. */
  readonly rootKeyUri: string
  /** Needed where several instances lie there. */
  readonly instanceId?: string
  /** Another name than it had. */
  readonly name?: string
  /** The instance's own from now on; left out: the server's is used. */
  readonly apiKey?: string
}

export type RecoveryStep = 'list' | 'journal' | 'keys' | 'write'

export interface RecoveryProgress {
  readonly step: RecoveryStep
  readonly done: number
  /** null: not known yet. */
  readonly total: number | null
}

/** One of several instances that lie beside a root key. */
export interface RecoveryChoice {
  readonly instanceId: string
  /** Standard keys of objects that are not deleted. */
  readonly keys: number
  readonly newestMs: number | null
}

/** There is nothing to restore, or not one thing: safe to show. */
export class RecoveryRefused extends Error {
  override readonly name = 'RecoveryRefused'
  readonly why: 'nothing' | 'several' | 'other-root-key'
  readonly choices: readonly RecoveryChoice[]
  constructor(
    why: RecoveryRefused['why'],
    message: string,
    { choices = [], ...options }: ErrorOptions & { readonly choices?: readonly RecoveryChoice[] } = {},
  ) {
    super(message, options)
    this.why = why
    this.choices = choices
  }
}

export interface Recovering {
  readonly told: (progress: RecoveryProgress) => void
  readonly signal: AbortSignal
}

type Shelved = RootKey & { readonly standardKeys: StandardKeys }

/**
 * Throws RecoveryRefused, TrustRefused, RootKeyError and StoreUnavailable. Whenever it ends before its end, it can be
 * done again.
 */
export async function recover(
  parts: RecoveryParts,
  by: By,
  wanted: RecoveryWanted,
  { told, signal }: Recovering,
): Promise<RecoveryReport> {
  const { rootKeyUri, apiKey } = wanted
  // Told between any two calls: where it can end.
  const recovering: Recovering = {
    signal,
    told: (progress) => {
      signal.throwIfAborted()
      told(progress)
    },
  }
  const found = await asInstance(parts, randomUUID(), { rootKeyUri, apiKey }, async (rootKey) => {
    recovering.told({ step: 'list', done: 0, total: null })
    return listInstances(rootKey.standardKeys, (done) => recovering.told({ step: 'list', done, total: null }))
  })
  const one = chosen(found, wanted)
  if (await parts.access.instance(one.instanceId)) throw isThere(one.instanceId)
  return asInstance(parts, one.instanceId, { rootKeyUri, apiKey }, (rootKey, writes) =>
    bringBack(parts, by, { wanted, one, rootKey, writes, recovering }),
  )
}

interface Bringing {
  readonly wanted: RecoveryWanted
  readonly one: FoundInstance
  readonly rootKey: Shelved
  /** For the commit that makes the instance. */
  readonly writes: readonly Write[]
  readonly recovering: Recovering
}

async function bringBack(parts: RecoveryParts, by: By, bringing: Bringing): Promise<RecoveryReport> {
  const { one, rootKey, wanted } = bringing
  const { instanceId } = one
  const { told, signal } = bringing.recovering
  const place: RecoveredPlace = { instanceId, rootKey, nowMs: parts.clock.now() }
  const journal = await readJournal(rootKey, one, (done, total) =>
    told({ step: 'journal', done, total }),
  ).catch((cause: unknown) => {
    throw cause instanceof RootKeyError && cause.reach !== 'wrapped-form'
      ? cause
      : anotherRootKey(rootKey, cause)
  })
  const read = await readKeys(rootKey.standardKeys, one, (done, total) => told({ step: 'keys', done, total }))
  signal.throwIfAborted()
  const journaled = mergeJournal(journal.runs)
  const recovered = recoverObjects(place, read.keys, journaled.entries)
  await prove(rootKey, recovered)
  const known = await knownRows(parts.store, instanceId)
  const row = (record: StandardKeyRecord): Write => ({
    type: 'standard-key',
    record,
    from: known.get(record.id)?.state ?? null,
  })
  await writeObjects(parts.store, recovered, { row, ...bringing.recovering })
  signal.throwIfAborted()
  const draft = instanceOf(place, journaled, recovered)
  const rows = [...recovered.unwanted, ...journal.parts.map((part) => partRow(place, part, journaled))]
  const report = reportOf({ journal, journaled, recovered, ignored: read.ignored })
  const instance = await parts.restores.commit(by, {
    instance: draft,
    ...(wanted.name !== undefined && { name: wanted.name }),
    writes: [await parts.keyring.make(draft), ...bringing.writes, ...rows.map(row)],
    detail: {
      objects: recovered.objects.length,
      opens: report.opens,
      deleted: report.deleted.length,
      unjournaled: report.unjournaled.length,
      lost: report.lost.length,
    },
  })
  return { instance, ...report }
}

/** `work` with a root key opened as the instance will open it, and what must be committed for that. */
async function asInstance<T>(
  { keyring, apiKeys }: RecoveryParts,
  instanceId: string,
  { rootKeyUri, apiKey }: { readonly rootKeyUri: string; readonly apiKey: string | undefined },
  work: (rootKey: Shelved, writes: readonly Write[]) => Promise<T>,
): Promise<T> {
  const opened = async (writes: readonly Write[]) => {
    const rootKey = await keyring.openRootKey(rootKeyUri, instanceId)
    // Its methods may need it as their `this`.
    const shelved = {
      uri: rootKey.uri,
      id: rootKey.id,
      wrap: rootKey.wrap.bind(rootKey),
      unwrap: rootKey.unwrap.bind(rootKey),
      ...(rootKey.versions && { versions: rootKey.versions }),
      standardKeys: requireStandardKeys(rootKey),
    }
    return work(shelved, writes)
  }
  return apiKey === undefined ? opened([]) : apiKeys.with({ instanceId, rootKeyUri, apiKey }, opened)
}

function chosen(found: readonly FoundInstance[], { instanceId, rootKeyUri }: RecoveryWanted): FoundInstance {
  // What was shredded or moved away is told of for 30 days, and no choice beside one that is there.
  const living = found.filter(({ keys, journal }) => [...keys, ...journal].some(({ deleted }) => !deleted))
  const offered = living.length > 0 ? living : found
  const choices = offered.map(choiceOf).toSorted((a, b) => (b.newestMs ?? 0) - (a.newestMs ?? 0))
  const asked = instanceId === undefined ? offered : found.filter((one) => one.instanceId === instanceId)
  const [only, ...others] = asked
  if (only && others.length === 0) return only
  if (only)
    throw new RecoveryRefused('several', `beside ${rootKeyUri} lie the keys of ${offered.length} instances`, {
      choices,
    })
  throw new RecoveryRefused(
    'nothing',
    instanceId === undefined
      ? `beside ${rootKeyUri} there are no standard keys of Mortise`
      : `beside ${rootKeyUri} there are no standard keys of the instance ${instanceId}`,
    { choices },
  )
}

function choiceOf({ instanceId, keys, journal }: FoundInstance): RecoveryChoice {
  const made = [...keys, ...journal].flatMap(({ createdMs }) => createdMs ?? [])
  return {
    instanceId,
    keys: keys.filter(({ deleted }) => !deleted).length,
    newestMs: made.length === 0 ? null : made.reduce((a, b) => Math.max(a, b)),
  }
}

/** One of the keys is opened: with another root key, nothing is written. */
async function prove(rootKey: Shelved, { objects }: Recovered): Promise<void> {
  const some = objects.filter(({ outcome }) => outcome === 'opens').slice(0, limits.restoreProofsMax)
  let refusal: unknown
  for (const { object } of some) {
    const { instanceId, uniqueIdentifier: identifier, objectType, sealed } = object
    try {
      const payload = await rootKey.standardKeys.read(unpackPlace(sealed ?? Buffer.of()).standardKeyId)
      const { header, wrapped } = unpackStandardKey(payload)
      const aad = standardKeyAad({ instanceId, identifier, objectType }, header.head)
      ;(await rootKey.unwrap(wrapped, aad)).fill(0)
      return
    } catch (error) {
      if (!(error instanceof RootKeyError) || error.reach !== 'wrapped-form') throw error
      refusal = error
    }
  }
  if (some.length > 0) throw anotherRootKey(rootKey, refusal)
}

function anotherRootKey({ uri }: RootKey, cause: unknown): RecoveryRefused {
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  return new RecoveryRefused('other-root-key', `${uri} does not open what lies beside it${why}`, { cause })
}

async function writeObjects(
  store: Store,
  { objects }: Recovered,
  { row, told, signal }: Recovering & { readonly row: (record: StandardKeyRecord) => Write },
): Promise<void> {
  const total = objects.length
  for (let done = 0; done < total; done += limits.restoreCommitObjects) {
    told({ step: 'write', done, total })
    signal.throwIfAborted()
    const some = objects.slice(done, done + limits.restoreCommitObjects)
    const writes = await Promise.all(
      some.map(async (one): Promise<readonly Write[]> => {
        const { instanceId, uniqueIdentifier } = one.object
        const written = await store.object(instanceId, uniqueIdentifier)
        // This database knows better: what was destroyed here stays so.
        if (written?.sealed === null) return one.row ? [row({ ...one.row, state: 'unwanted' })] : []
        return [...objectWrites(written, one), ...(one.row ? [row(one.row)] : [])]
      }),
    )
    await store.commit({ writes: writes.flat(), entries: [], durability: 'disk' })
  }
  told({ step: 'write', done: total, total })
}

/** None where a restore that was cut off has written the same. */
function objectWrites(
  written: ObjectRecord | undefined,
  { object, journaled }: RecoveredObject,
): readonly Write[] {
  const write = { ...toWrite(object), ...(!journaled && { journal: true }) }
  if (!written) return [write]
  const { state, attributes, sealed } = write.record
  const same =
    written.state === state &&
    Buffer.compare(written.attributes, attributes) === 0 &&
    Buffer.compare(written.sealed ?? Buffer.of(), sealed ?? Buffer.of()) === 0
  if (same) return []
  return [{ ...write, record: { ...write.record, version: Math.max(object.version, written.version + 1) } }]
}

/** Rows of a restore that was cut off. */
async function knownRows(store: Store, instanceId: string): Promise<ReadonlyMap<string, StandardKeyRecord>> {
  const known = new Map<string, StandardKeyRecord>()
  for (let afterId: string | undefined; ;) {
    const query = { instanceId, limit: limits.restoreCommitObjects }
    const page = await store.standardKeys({ ...query, ...(afterId !== undefined && { afterId }) })
    for (const record of page) known.set(record.id, record)
    afterId = page.at(-1)?.id
    if (page.length < query.limit) return known
  }
}

function partRow(
  { instanceId, rootKey, nowMs }: RecoveredPlace,
  { listed, number }: FoundPart,
  { from }: Journaled,
): StandardKeyRecord {
  return {
    id: rowId(instanceId, listed),
    instanceId,
    kind: 'journal',
    identifier: listed.name,
    generation: listed.generation,
    rootKeyUri: rootKey.uri,
    state: number < from ? 'unwanted' : 'current',
    standardKeyId: listed.id,
    keyVersion: '',
    createdMs: listed.createdMs ?? nowMs,
  }
}

function instanceOf(
  { instanceId, rootKey, nowMs }: RecoveredPlace,
  { settings }: Journaled,
  { objects }: Recovered,
) {
  const defaults = { cacheSeconds: 300, outageSeconds: 3600, expiredGraceDays: 30, portable: false }
  const createdMs = objects[0]?.object.createdMs ?? nowMs
  const said = settings ?? { name: 'restored', createdMs, ...defaults }
  return {
    ...said,
    id: instanceId,
    custody: 'keyprotect',
    rootKeyUri: rootKey.uri,
  } as const satisfies Instance
}
