// Brings an instance back from its standard keys alone (custody keyprotect), for a server whose database is gone. It writes the
// objects first and the instance last: until then nobody sees anything of it, and a restore that was cut off is simply done
// again. reading.ts reads the standard keys, objects.ts decides what follows, writing.ts writes it.

import { randomUUID } from 'node:crypto'
import { requireStandardKeys } from '../../core/custody/keyprotect/copies.ts'
import {
  deletedMs,
  leftForDatabase,
  nextEpoch,
  placesOf,
  raiseEpoch,
  type ListedMarker,
  type OtherPlace,
} from '../../core/custody/keyprotect/restore-markers.ts'
import type { Header } from '../../core/custody/keyprotect/payload.ts'
import type { By } from '../../core/audit/actor.ts'
import type { Write } from '../../core/ports/store.ts'
import { RootKeyError, type RootKey } from '../../core/ports/root-key.ts'
import type { Instance } from '../../core/trust/rows.ts'
import { isThere, requireFreeName } from '../../core/instances/restore-commit.ts'
import { restoreObjects, type NamedRootKey, type RestoredObjects, type RestorePlace } from './objects.ts'
import { retryingRootKey } from './retry.ts'
import {
  listInstances,
  readKeys,
  type FoundInstance,
  type FoundKey,
  type Listed,
  type WithStandardKeys,
} from './reading.ts'
import {
  RestoreRefused,
  type KeyProtectProgress,
  type KeyProtectWanted,
  type RestoreChoice,
  type RestoreFar,
  type RestoreParts,
} from './source.ts'
import { reportOf, type RestoreReport } from './report.ts'
import { writeObjects } from './writing.ts'

export type KeyProtectParts = Pick<RestoreParts, 'store' | 'clock' | 'custodies'> & {
  readonly marks: Pick<RestoreParts['marks'], 'closing'>
  readonly access: Pick<RestoreParts['access'], 'snapshot'>
  readonly keyring: Pick<RestoreParts['keyring'], 'make' | 'openUnguarded'>
  readonly apiKeys: Pick<RestoreParts['apiKeys'], 'with'>
  readonly trust: Pick<RestoreParts['trust'], 'restores'>
}

export interface RestoreOptions {
  readonly onProgress: (progress: KeyProtectProgress) => void
  readonly signal: AbortSignal
}

/**
 * Throws RestoreRefused, TrustRefused, RootKeyError and StoreUnavailable. Whenever it ends before its end, it can be
 * done again.
 */
export async function restore(
  parts: KeyProtectParts,
  by: By,
  wanted: KeyProtectWanted,
  { onProgress, signal }: RestoreOptions,
): Promise<RestoreReport> {
  let progress: KeyProtectProgress = { step: 'list', done: 0, total: null, trouble: null }
  // Called between any two calls to the service, so that the restore can end there.
  const report = (news: Partial<KeyProtectProgress>): void => {
    signal.throwIfAborted()
    progress = { ...progress, ...news }
    onProgress(progress)
  }
  const onTrouble = (trouble: string | null): void => {
    if (trouble !== progress.trouble) report({ trouble })
  }
  const run: RestoreRun = { signal, onProgress: report, onTrouble }
  const listed = (done: number) => run.onProgress({ step: 'list', done, total: null })
  const one = await asInstance(parts, randomUUID(), { wanted, run }, async (rootKeys) => {
    listed(0)
    return chosen(await listInstances(rootKeys, listed), rootKeys, wanted)
  })
  // A refusal at the end would come after the server that has the instance was told to store nothing any more.
  const { tables } = await parts.access.snapshot()
  if (tables.instance.has(one.instanceId)) throw isThere(one.instanceId)
  if (wanted.name !== undefined) requireFreeName(tables, wanted.name)
  return asInstance(parts, one.instanceId, { wanted, run }, (rootKeys, writes) =>
    restoreInstance(parts, by, { wanted, one, rootKeys, writes, run }),
  )
}

/** A restore that is under way, as its steps see it. */
export interface RestoreRun {
  readonly signal: AbortSignal
  readonly onProgress: (far: RestoreFar) => void
  readonly onTrouble: (why: string | null) => void
}

interface FoundRestore {
  readonly wanted: KeyProtectWanted
  readonly one: FoundInstance
  readonly rootKeys: readonly [WithStandardKeys, ...WithStandardKeys[]]
  /** For the commit that makes the instance. */
  readonly writes: readonly Write[]
  readonly run: RestoreRun
}

async function restoreInstance(parts: KeyProtectParts, by: By, found: FoundRestore): Promise<RestoreReport> {
  const { one, rootKeys, wanted, run } = found
  const { clock, keyring, custodies } = parts
  const { onProgress, signal } = run
  const place: RestorePlace = { instanceId: one.instanceId, rootKeys, nowMs: clock.now() }
  const onKey = (done: number, total: number) => onProgress({ step: 'keys', done, total })
  const read = await readKeys(rootKeys, custodies.keyprotect.copies, one, onKey).catch((cause: unknown) => {
    const isNo = cause instanceof RootKeyError && cause.reach === 'wrapped-form'
    throw isNo ? anotherRootKey(rootKeys[0], cause) : cause
  })
  signal.throwIfAborted()
  const said = newestOpened(read.keys)
  const restored = restoreObjects(place, read.keys, said?.sharesNames === true)
  const others = await placesOf(one.markers)
  if (wanted.partial !== true) requireAll(place, restored, others)
  const comesFrom = leftToMove(place, restored)
  const draft = instanceOf(place, said, restored, { markers: one.markers, from: comesFrom[0] })
  await writeObjects(parts, restored, { ...run, namesShared: draft.names === 'shared' })
  signal.throwIfAborted()
  // From here on a server with an older database writes nothing there any more.
  const markers = await raiseEpoch(custodies.keyprotect.markers, draft, one.markers, {
    rootKeys,
    comesFrom,
    nowMs: clock.now(),
  })
  const instance = await parts.trust.restores.commit(by, {
    instance: draft,
    ...(wanted.name !== undefined && { name: wanted.name }),
    writes: [await keyring.make(draft), ...found.writes, ...markers],
    detail: { epoch: draft.epoch ?? 0, ...countsOf(restored) },
  })
  // A sweep that saw these markers before the instance was here took this server for one that was left behind.
  await custodies.keyprotect.markers.updateFence(instance.id, [])
  void custodies.clear(instance.id)
  return reportOf(restored, {
    instance,
    formerName: said?.instanceName ?? null,
    leftFor: leftForDatabase(others),
    deletedMs: deletedMs(others),
    ignored: read.ignored,
  })
}

/** The root keys beside the first that wrapped keys of the instance: it moves on to the first. */
function leftToMove(
  { rootKeys: [, ...others] }: RestorePlace,
  { objects }: RestoredObjects,
): readonly NamedRootKey[] {
  return others.filter(({ id }) => objects.some(({ sealedBy }) => sealedBy === id))
}

function instanceOf(
  { instanceId, rootKeys: [rootKey], nowMs }: RestorePlace,
  said: Header | null,
  { objects }: RestoredObjects,
  { markers, from }: { readonly markers: readonly ListedMarker[]; readonly from: NamedRootKey | undefined },
): Instance {
  const custody = 'keyprotect' as const
  const move = from && {
    kind: 'move' as const,
    id: randomUUID(),
    fromRootKeyUri: from.uri,
    fromCustody: custody,
    startedMs: nowMs,
  }
  return {
    id: instanceId,
    name: said?.instanceName ?? 'restored',
    custody,
    rootKeyUri: rootKey.uri,
    cacheSeconds: 300,
    outageSeconds: 3600,
    expiredGraceDays: 30,
    portable: false,
    // The keys do not say what the instance allowed: the setting of a new one closes more.
    restrictions: 'one-way',
    createdMs: objects[0]?.object.createdMs ?? nowMs,
    epoch: nextEpoch(
      markers.map(({ epoch }) => epoch),
      nowMs,
    ),
    ...(said?.sharesNames === true && { names: 'shared' }),
    ...(move && { work: move }),
  }
}

/** The header of the newest key that opened. It also describes the instance as it was then. */
function newestOpened(keys: readonly FoundKey[]): Header | null {
  const opened = keys.filter(({ copy }) => copy.opened !== null)
  const newest = opened.toSorted((a, b) => (a.listed.createdMs ?? 0) - (b.listed.createdMs ?? 0)).at(-1)
  return newest?.header ?? null
}

function countsOf({ objects }: RestoredObjects): Readonly<Record<string, number>> {
  const of = (wanted: string) => objects.filter(({ outcome }) => outcome === wanted).length
  return { objects: objects.length, opens: of('opens'), deleted: of('deleted'), elsewhere: of('elsewhere') }
}

/** Runs `work` with the root keys, opened as the instance will open them, and with the writes that must be committed for that. */
async function asInstance<T>(
  { keyring, apiKeys, clock }: KeyProtectParts,
  instanceId: string,
  { wanted, run }: Pick<FoundRestore, 'wanted' | 'run'>,
  work: (
    rootKeys: readonly [WithStandardKeys, ...WithStandardKeys[]],
    writes: readonly Write[],
  ) => Promise<T>,
): Promise<T> {
  const { rootKeyUri, otherRootKeyUris = [], apiKey } = wanted
  const open = async (uri: string) =>
    retryingRootKey(withStandardKeys(await keyring.openUnguarded(uri, instanceId)), { ...run, clock })
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

function withStandardKeys(rootKey: RootKey): WithStandardKeys {
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
  { instanceId, rootKeyUri }: KeyProtectWanted,
): FoundInstance {
  const offered = offer(found, rootKeys)
  const choices = offered.map(choiceOf).toSorted((a, b) => (b.newestMs ?? 0) - (a.newestMs ?? 0))
  const asked = instanceId === undefined ? offered : found.filter((one) => one.instanceId === instanceId)
  const [only, ...others] = asked
  if (only && others.length === 0) return only
  if (only)
    throw new RestoreRefused('several', `beside ${rootKeyUri} lie the keys of ${offered.length} instances`, {
      choices,
    })
  throw new RestoreRefused(
    'nothing',
    instanceId === undefined
      ? `beside ${rootKeyUri} there are no standard keys of Mortise`
      : `beside ${rootKeyUri} there are no standard keys of the instance ${instanceId}`,
    { choices },
  )
}

/**
 * An instance that was shredded or moved away appears in lists for 30 days, and is no choice beside one that is there;
 * nor is one whose keys other root keys sealed, all of them.
 */
function offer(
  found: readonly FoundInstance[],
  rootKeys: readonly { readonly id: string }[],
): readonly FoundInstance[] {
  const isSealed = ({ rootKeyId }: Listed) => rootKeys.some(({ id }) => id === rootKeyId)
  const some = (holds: (key: Listed) => boolean) => found.filter(({ keys }) => keys.some(holds))
  return (
    [some((key) => !key.deleted && isSealed(key)), some((key) => !key.deleted), some(isSealed)].find(
      ({ length }) => length > 0,
    ) ?? found
  )
}

function choiceOf({ instanceId, keys }: FoundInstance): RestoreChoice {
  const made = keys.flatMap(({ createdMs }) => createdMs ?? [])
  return {
    instanceId,
    keys: new Set(keys.filter(({ deleted }) => !deleted).map(({ name }) => name)).size,
    newestMs: made.length === 0 ? null : made.reduce((a, b) => Math.max(a, b)),
  }
}

/** While an instance goes from one root key to another both wrap keys of it, and both must be named. */
function requireAll(
  { rootKeys }: RestorePlace,
  { objects, elsewhere }: RestoredObjects,
  others: readonly OtherPlace[],
): void {
  const counts = [...elsewhere].map(
    ([id, count]) => `${count} of ${objects.length} keys are sealed by the root key ${id}`,
  )
  const unnamed = others.filter(
    ({ rootKeyId }) => rootKeyId !== null && rootKeys.every(({ id }) => id !== rootKeyId),
  )
  const away = unnamed.map(({ says, atMs }) => {
    const uri = says.way === 'stays' ? '' : says.rootKeyUri
    const way = says.way === 'from' ? 'its way from' : 'its way to'
    return `the instance was on ${way} the root key ${uri} since ${new Date(atMs).toISOString()}`
  })
  const total = [...elsewhere.values()].reduce((sum, count) => sum + count, 0)
  const [{ uri }] = rootKeys
  if (total > 0 && objects.every(({ outcome }) => outcome === 'elsewhere'))
    throw new RestoreRefused('other-root-key', `${uri} sealed nothing of it: ${counts.join(', ')}`)
  if (away.length + counts.length > 0)
    throw new RestoreRefused('more-root-keys', [...away, ...counts].join('; '))
}

function anotherRootKey({ uri }: RootKey, cause: unknown): RestoreRefused {
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  return new RestoreRefused('other-root-key', `${uri} does not open what lies beside it${why}`, { cause })
}
