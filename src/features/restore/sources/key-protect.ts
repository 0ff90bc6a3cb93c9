// The standard keys beside a root key as a source (custody keyprotect): an instance comes back from them alone, for a server whose
// database is gone. standard-keys.ts reads them, found-objects.ts decides which objects they are.

import { randomUUID } from 'node:crypto'
import { requireStandardKeys } from '../../../core/custody/keyprotect/copies.ts'
import {
  deletedMs,
  leftForDatabase,
  nextEpoch,
  placesOf,
  raiseEpoch,
  type ListedMarker,
  type OtherPlace,
} from '../../../core/custody/keyprotect/restore-markers.ts'
import type { Header } from '../../../core/custody/keyprotect/payload.ts'
import type { By } from '../../../core/audit/actor.ts'
import type { Write } from '../../../core/ports/store.ts'
import { RootKeyError, type RootKey } from '../../../core/ports/root-key.ts'
import type { Instance } from '../../../core/trust/rows.ts'
import { isThere, requireFreeName } from '../../../core/instances/restore-commit.ts'
import {
  restoreObjects,
  type NamedRootKey,
  type RestoredObjects,
  type RestorePlace,
} from './found-objects.ts'
import {
  listInstances,
  readKeys,
  retryingRootKey,
  type FoundInstance,
  type FoundKey,
  type ListedObjectKey,
  type WithStandardKeys,
} from './standard-keys.ts'
import {
  RestoreRefused,
  type CheckedInstance,
  type KeyProtectProgress,
  type KeyProtectRestoreRequest,
  type RestoreChoice,
  type RestoreParts,
  type Source,
  type Working,
} from '../source.ts'
import { keyProtectReport, type KeyProtectReport } from '../report.ts'
import { keyProtectPages, type FoundPage } from '../write.ts'

export type KeyProtectParts = Pick<RestoreParts, 'store' | 'clock' | 'custodies'> & {
  readonly marks: Pick<RestoreParts['marks'], 'closing'>
  readonly access: Pick<RestoreParts['access'], 'snapshot'>
  readonly keyring: Pick<RestoreParts['keyring'], 'make' | 'openUnguarded'>
  readonly apiKeys: Pick<RestoreParts['apiKeys'], 'with'>
  readonly trust: Pick<RestoreParts['trust'], 'restores'>
}

/** Reads an instance from Key Protect. The source reports progress between any two calls to the service, and the restore can stop there. */
export function keyProtectSource(
  parts: KeyProtectParts,
  by: By,
  request: KeyProtectRestoreRequest,
  { onProgress, signal }: Working<KeyProtectProgress>,
): Source<FoundInstance, OpenedRootKeys, FoundPage, KeyProtectReport> {
  let progress: KeyProtectProgress = { step: 'list', done: 0, total: null, trouble: null }
  const report = (news: Partial<KeyProtectProgress>): void => {
    signal.throwIfAborted()
    progress = { ...progress, ...news }
    onProgress(progress)
  }
  const onTrouble = (trouble: string | null): void => {
    if (trouble !== progress.trouble) report({ trouble })
  }
  const listed = (done: number) => report({ step: 'list', done, total: null })
  const run: Run = { signal, onProgress: report, onTrouble }
  const opened = <T>(instanceId: string, work: (opened: OpenedRootKeys) => Promise<T>) =>
    asInstance(parts, instanceId, { request, run }, work)
  return {
    async describe() {
      const instance = await opened(randomUUID(), async ({ rootKeys }) => {
        listed(0)
        return chosen(await listInstances(rootKeys, listed), rootKeys, request)
      })
      // A refusal at the end would come after the marker that tells the other server to store nothing any more.
      const { tables } = await parts.access.snapshot()
      if (tables.instance.has(instance.instanceId)) throw isThere(instance.instanceId)
      if (request.name !== undefined) requireFreeName(tables, request.name)
      return instance
    },
    open: (instance, work) => opened(instance.instanceId, work),
    check: (instance, { rootKeys, writes }) => check(parts, by, { request, instance, rootKeys, writes, run }),
  }
}

interface Run extends Working<Omit<KeyProtectProgress, 'trouble'>> {
  readonly onTrouble: (why: string | null) => void
}

interface OpenedRootKeys {
  readonly rootKeys: readonly [WithStandardKeys, ...WithStandardKeys[]]
  /** For the commit that makes the instance. */
  readonly writes: readonly Write[]
}

interface Checking extends OpenedRootKeys {
  readonly request: KeyProtectRestoreRequest
  readonly instance: FoundInstance
  readonly run: Run
}

async function check(
  parts: KeyProtectParts,
  by: By,
  checking: Checking,
): Promise<CheckedInstance<FoundPage, KeyProtectReport>> {
  const { instance, rootKeys, request, run } = checking
  const { clock, custodies } = parts
  const place: RestorePlace = { instanceId: instance.instanceId, rootKeys, nowMs: clock.now() }
  const onKey = (done: number, total: number) => run.onProgress({ step: 'keys', done, total })
  const { copies } = custodies.keyprotect
  const read = await readKeys(rootKeys, copies, instance, onKey).catch((cause: unknown) => {
    const isNo = cause instanceof RootKeyError && cause.reach === 'wrapped-form'
    throw isNo ? anotherRootKey(rootKeys[0], cause) : cause
  })
  run.signal.throwIfAborted()
  const said = newestOpened(read.keys)
  const restored = restoreObjects(place, read.keys, said?.sharesNames === true)
  const others = await placesOf(instance.markers)
  if (request.partial !== true) requireAll(place, restored, others)
  const comesFrom = leftToMove(place, restored)
  const draft = instanceOf(place, said, restored, { markers: instance.markers, from: comesFrom[0] })
  return {
    ...keyProtectPages(parts, restored, { ...run, namesShared: draft.names === 'shared' }),
    async finish() {
      const instance = await commit(parts, by, checking, { draft, comesFrom, restored })
      return keyProtectReport(restored, {
        instance,
        formerName: said?.instanceName ?? null,
        leftFor: leftForDatabase(others),
        deletedMs: deletedMs(others),
        ignored: read.ignored,
      })
    },
  }
}

async function commit(
  { clock, keyring, custodies, trust }: KeyProtectParts,
  by: By,
  { instance: { markers: listed }, rootKeys, request, writes }: Checking,
  made: {
    readonly draft: Instance
    readonly comesFrom: readonly NamedRootKey[]
    readonly restored: RestoredObjects
  },
): Promise<Instance> {
  const { draft, comesFrom, restored } = made
  // From here on a server with an older database writes nothing there any more.
  const markers = await raiseEpoch(custodies.keyprotect.markers, draft, listed, {
    rootKeys,
    comesFrom,
    nowMs: clock.now(),
  })
  const instance = await trust.restores.commit(by, {
    instance: draft,
    ...(request.name !== undefined && { name: request.name }),
    writes: [await keyring.make(draft), ...writes, ...markers],
    detail: { epoch: draft.epoch ?? 0, ...countsOf(restored) },
  })
  // A sweep that saw these markers before the instance was here took this server for one that was left behind.
  await custodies.keyprotect.markers.updateFence(instance.id, [])
  void custodies.clear(instance.id)
  return instance
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
  const of = (kind: string) => objects.filter(({ outcome }) => outcome === kind).length
  return { objects: objects.length, opens: of('opens'), deleted: of('deleted'), elsewhere: of('elsewhere') }
}

/** Runs `work` with the root keys, opened as the instance will open them, and with the writes that must be committed for that. */
async function asInstance<T>(
  { keyring, apiKeys, clock }: KeyProtectParts,
  instanceId: string,
  { request, run }: Pick<Checking, 'request' | 'run'>,
  work: (opened: OpenedRootKeys) => Promise<T>,
): Promise<T> {
  const { rootKeyUri, otherRootKeyUris = [], apiKey } = request
  const open = async (uri: string) =>
    retryingRootKey(withStandardKeys(await keyring.openUnguarded(uri, instanceId)), { ...run, clock })
  const opened = async (writes: readonly Write[]) =>
    work({ rootKeys: [await open(rootKeyUri), ...(await Promise.all(otherRootKeyUris.map(open)))], writes })
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
    // The methods may need the root key as their `this`.
    wrap: rootKey.wrap.bind(rootKey),
    unwrap: rootKey.unwrap.bind(rootKey),
    ...(rootKey.versions && { versions: rootKey.versions }),
    standardKeys: requireStandardKeys(rootKey),
  }
}

function chosen(
  instances: readonly FoundInstance[],
  rootKeys: readonly { readonly id: string }[],
  { instanceId, rootKeyUri }: KeyProtectRestoreRequest,
): FoundInstance {
  const offered = offer(instances, rootKeys)
  const choices = offered.map(choiceOf).toSorted((a, b) => (b.newestMs ?? 0) - (a.newestMs ?? 0))
  const matches =
    instanceId === undefined ? offered : instances.filter((one) => one.instanceId === instanceId)
  const [only, ...others] = matches
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
  instances: readonly FoundInstance[],
  rootKeys: readonly { readonly id: string }[],
): readonly FoundInstance[] {
  const isSealed = ({ rootKeyId }: ListedObjectKey) => rootKeys.some(({ id }) => id === rootKeyId)
  const some = (holds: (key: ListedObjectKey) => boolean) => instances.filter(({ keys }) => keys.some(holds))
  return (
    [some((key) => !key.deleted && isSealed(key)), some((key) => !key.deleted), some(isSealed)].find(
      ({ length }) => length > 0,
    ) ?? instances
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
