// An instance brought back from what lies beside its root key (custody keyprotect), for a server whose database is gone.
// Objects are written first and the instance last: until then nobody sees anything of it, and what was cut off in
// between is simply done again. What is read stands in reading.ts, what follows from it in rules.ts, what is written in
// writing.ts. It opens one key of each root key only, as a proof.

import { randomUUID } from 'node:crypto'
import { limits } from '../../limits.ts'
import type { ApiKeys } from '../../instances/api-keys.ts'
import type { By } from '../../audit/actor.ts'
import type { Keyring } from '../../sealing/keyring.ts'
import type { Clock } from '../../ports/clock.ts'
import type { StandardKeyRecord } from '../../ports/secrets.ts'
import type { Store, Write } from '../../ports/store.ts'
import { RootKeyError, type RootKey } from '../../ports/root-key.ts'
import { requireStandardKeys, type StandardKeyKeeper } from '../standard-keys/keeper.ts'
import { standardKeyAad, unpackPlace, unpackStandardKey } from '../standard-keys/place.ts'
import type { Access } from '../../trust/access.ts'
import { isThere, type InstanceRestores } from './instance-restores.ts'
import { mergeJournal, type Journaled } from './journaled.ts'
import {
  listInstances,
  readJournal,
  readKeys,
  type FoundInstance,
  type Listed,
  type Shelved,
} from './reading.ts'
import { patientRootKey } from './patience.ts'
import { reportOf, type RecoveryReport } from './report.ts'
import { recoverObjects, unnamed, type Recovered, type RecoveredPlace } from './rules.ts'
import { instanceOf, knownRows, partRow, writeObjects } from './writing.ts'

export interface RecoveryParts {
  readonly store: Store
  readonly clock: Clock
  readonly access: Pick<Access, 'instance'>
  readonly keyring: Pick<Keyring, 'make' | 'openUnguarded'>
  readonly apiKeys: Pick<ApiKeys, 'with'>
  readonly restores: InstanceRestores
  readonly keeper: Pick<StandardKeyKeeper, 'sweepSoon'>
}

export interface RecoveryWanted {
  /** The one that it has from now on. As it is kept: an alias resolved. */
  readonly rootKeyUri: string
  /** Others that seal keys of it, because it was on its way from one to another: it goes on to the first. */
  readonly otherRootKeyUris?: readonly string[]
  /** Also when keys of it lie under root keys that are not named: they stay closed. */
  readonly partial?: boolean
  /** Needed where several instances lie there. */
  readonly instanceId?: string
  /** Another name than it had. */
  readonly name?: string
  /** The instance's own from now on; left out: the server's is used. */
  readonly apiKey?: string
}

export type RecoveryStep = 'list' | 'journal' | 'keys' | 'write'

/** How far a step is. */
export interface RecoveryFar {
  readonly step: RecoveryStep
  readonly done: number
  /** null: not known yet. */
  readonly total: number | null
}

export interface RecoveryProgress extends RecoveryFar {
  /** Why it waits at the moment, in words; null while it goes on. */
  readonly trouble: string | null
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
  readonly why: 'nothing' | 'several' | 'other-root-key' | 'more-root-keys'
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
  let progress: RecoveryProgress = { step: 'list', done: 0, total: null, trouble: null }
  // Told between any two calls: where it can end.
  const tell = (news: Partial<RecoveryProgress>): void => {
    signal.throwIfAborted()
    progress = { ...progress, ...news }
    told(progress)
  }
  const troubled = (trouble: string | null): void => {
    if (trouble !== progress.trouble) tell({ trouble })
  }
  const recovering: Going = { signal, told: tell, troubled }
  const listed = (done: number) => recovering.told({ step: 'list', done, total: null })
  const one = await asInstance(parts, randomUUID(), { wanted, recovering }, async (rootKeys) => {
    listed(0)
    return chosen(await listInstances(rootKeys, listed), rootKeys, wanted)
  })
  if (await parts.access.instance(one.instanceId)) throw isThere(one.instanceId)
  return asInstance(parts, one.instanceId, { wanted, recovering }, (rootKeys, writes) =>
    bringBack(parts, by, { wanted, one, rootKeys, writes, recovering }),
  )
}

/** A restore that is under way, as its steps see it. */
export interface Going {
  readonly signal: AbortSignal
  readonly told: (far: RecoveryFar) => void
  readonly troubled: (why: string | null) => void
}

interface Bringing {
  readonly wanted: RecoveryWanted
  readonly one: FoundInstance
  readonly rootKeys: readonly [Shelved, ...Shelved[]]
  /** For the commit that makes the instance. */
  readonly writes: readonly Write[]
  readonly recovering: Going
}

async function bringBack(parts: RecoveryParts, by: By, bringing: Bringing): Promise<RecoveryReport> {
  const { one, rootKeys, wanted } = bringing
  const { instanceId } = one
  const { told, signal } = bringing.recovering
  const place: RecoveredPlace = { instanceId, rootKeys, nowMs: parts.clock.now() }
  const journal = await readJournal(rootKeys, one, (done, total) =>
    told({ step: 'journal', done, total }),
  ).catch((cause: unknown) => {
    throw cause instanceof RootKeyError && cause.reach !== 'wrapped-form'
      ? cause
      : anotherRootKey(rootKeys[0], cause)
  })
  const read = await readKeys(rootKeys, one, (done, total) => told({ step: 'keys', done, total }))
  signal.throwIfAborted()
  const journaled = mergeJournal(journal.runs, journal)
  const recovered = recoverObjects(place, read.keys, journaled)
  if (wanted.partial !== true) requireAll(place, recovered, journaled)
  for (const rootKey of rootKeys) await prove(rootKey, recovered)
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
      elsewhere: report.elsewhere.length,
      unjournaled: report.unjournaled.length,
      lost: report.lost.length,
    },
  })
  parts.keeper.sweepSoon()
  return { instance, ...report }
}

/** `work` with the root keys opened as the instance will open them, and what must be committed for that. */
async function asInstance<T>(
  { keyring, apiKeys, clock }: RecoveryParts,
  instanceId: string,
  { wanted, recovering }: Pick<Bringing, 'wanted' | 'recovering'>,
  work: (rootKeys: readonly [Shelved, ...Shelved[]], writes: readonly Write[]) => Promise<T>,
): Promise<T> {
  const { rootKeyUri, otherRootKeyUris = [], apiKey } = wanted
  const open = async (uri: string) =>
    patientRootKey(shelved(await keyring.openUnguarded(uri, instanceId)), { ...recovering, clock })
  const opened = async (writes: readonly Write[]) =>
    work([await open(rootKeyUri), ...(await Promise.all(otherRootKeyUris.map(open)))], writes)
  if (apiKey === undefined) return opened([])
  // The same API key speaks for the instance to each service instance in which one of them is.
  const withKeys = [rootKeyUri, ...otherRootKeyUris].reduceRight(
    (inner, uri) => (writes) =>
      apiKeys.with({ instanceId, rootKeyUri: uri, apiKey }, (more) => inner([...writes, ...more])),
    opened,
  )
  return withKeys([])
}

function shelved(rootKey: RootKey): Shelved {
  return {
    uri: rootKey.uri,
    id: rootKey.id,
    // They may need it as their `this`.
    wrap: rootKey.wrap.bind(rootKey),
    unwrap: rootKey.unwrap.bind(rootKey),
    ...(rootKey.versions && { versions: rootKey.versions }),
    standardKeys: requireStandardKeys(rootKey),
  }
}

function chosen(
  found: readonly FoundInstance[],
  rootKeys: readonly { readonly id: string }[],
  { instanceId, rootKeyUri }: RecoveryWanted,
): FoundInstance {
  const offered = offer(found, rootKeys)
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

/**
 * What was shredded or moved away is told of for 30 days, and is no choice beside one that is there; nor is one of which
 * other root keys sealed all.
 */
function offer(
  found: readonly FoundInstance[],
  rootKeys: readonly { readonly id: string }[],
): readonly FoundInstance[] {
  const isSealed = ({ rootKeyId }: Listed) => rootKeys.some(({ id }) => id === rootKeyId)
  const some = (holds: (key: Listed) => boolean) =>
    found.filter(({ keys, journal }) => [...keys, ...journal].some(holds))
  return (
    [some((key) => !key.deleted && isSealed(key)), some((key) => !key.deleted), some(isSealed)].find(
      ({ length }) => length > 0,
    ) ?? found
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

/** While an instance goes from one root key to another both seal keys of it, and both must be named. */
function requireAll(
  place: RecoveredPlace,
  { objects }: Recovered,
  { departures, isMoving }: Journaled,
): void {
  const others = objects.flatMap(({ outcome, sealedBy }) => (outcome === 'elsewhere' ? (sealedBy ?? []) : []))
  const counts = [...Map.groupBy(others, (id) => id)].map(
    ([id, all]) => `${all.length} of ${objects.length} keys are sealed by the root key ${id}`,
  )
  const gone = unnamed(place, departures).map(
    ({ rootKeyUri, atMs }) =>
      `the instance was on its way to the root key ${rootKeyUri} since ${new Date(atMs).toISOString()}`,
  )
  const [first] = place.rootKeys
  if (others.length > 0 && others.length === objects.length)
    throw new RecoveryRefused('other-root-key', `${first.uri} sealed nothing of it: ${counts.join(', ')}`)
  // Once a move is over, what its owner had deleted before stays behind, closed.
  if (gone.length > 0 || (isMoving && counts.length > 0))
    throw new RecoveryRefused('more-root-keys', [...gone, ...counts].join('; '))
}

/** One of the keys that a root key sealed is opened: if it opens none, nothing is written. */
async function prove(rootKey: Shelved, { objects }: Recovered): Promise<void> {
  const some = objects
    .filter(({ outcome, sealedBy }) => outcome === 'opens' && sealedBy === rootKey.id)
    .slice(0, limits.restoreProofsMax)
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
