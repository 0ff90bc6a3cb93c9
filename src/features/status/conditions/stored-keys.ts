// Conditions of keys and of the service that stores them: keys that do not open, standard keys that cannot be stored,
// read or deleted, slow calls, work that does not go on, limits that are nearly reached.

import { gauge } from '../../../base/metric.ts'
import { counted } from '../../../base/text/counted.ts'
import type { ClosedKey } from '../../../core/sealing/closed-keys.ts'
import type { StandardKeyTrouble } from '../../../core/sealing/standard-key-troubles.ts'
import { closedKeysMax } from '../../../base/bounds.ts'
import { limitsOf } from '../../../core/trust/instance-limits.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { ReadinessFacts } from '../../../core/server/readiness-facts.ts'
import { isoTime } from '../../../doors/http/views/shown.ts'
import type { InstanceWorker } from '../../../core/instances/worker.ts'
import type { RecoveryClock } from '../../../core/keys/object/recovery-clock.ts'
import type { Store } from '../../../core/ports/store.ts'
import type { Access } from '../../../core/trust/access.ts'
import type { Instance, InstanceWork } from '../../../core/trust/rows.ts'
import type { CommonFacts } from '../../../core/conditions/conditions.ts'
import { conditionsAlone } from '../../../doors/http/feature.ts'
import {
  instanceUsages,
  shownRecoverable,
  type InstanceUsage,
} from '../../../doors/http/views/instance-usage.ts'
import { aOrMany, instanceName, type ConditionLines, type Occurrence } from '../../../core/conditions/line.ts'
import { someOf } from '../../../core/conditions/line.ts'

/** A call that takes longer, including its wait, counts as slow. */
const keyProtectSlowMs = 5_000

export interface StoredKeyNeeds {
  readonly access: Pick<Access, 'instances'>
  readonly instanceWork: Pick<InstanceWorker, 'progress'>
  readonly recovery: Pick<RecoveryClock, 'until'>
  readonly store: Pick<Store, 'recoverable' | 'usage'>
}

export interface StoredKeyFacts extends CommonFacts {
  readonly usages: readonly InstanceUsage[]
  /** Instances with destroyed keys that can still be brought back. */
  readonly recoverable: readonly RecoverableFacts[]
  readonly work: readonly WorkFacts[]
}

interface RecoverableFacts {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly count: number
  /** When the first and the last of them are removed for good, ISO 8601. */
  readonly firstUntil: string | null
  readonly lastUntil: string | null
}

interface WorkFacts {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly work: InstanceWork
  readonly trouble: string
  readonly done: number
  readonly total: number
}

export const storedKeyConditions = {
  'closed-keys': {
    severity: 'warning',
    meaning:
      "Keys do not open, though their root key answers: most likely a user of the root key's service deleted them there.",
    action:
      'If your organization did not intend that: the log has, for each that was deleted there, the command that restores it within 30 days. One that was purged there cannot come back, and the log names no command for it. The condition stays until a client gets the key again, or the key is destroyed here.',
    find: closedKeys,
  },
  'new-keys-refused': {
    severity: 'critical',
    meaning: "The root key's service refuses to store new keys of an instance (custody keyprotect).",
    action:
      'Existing keys are served. The service ID needs the role Manager to store keys there, and the root key must be active. The condition stays until a new key is stored: mortise key create tries it.',
    find: (facts) =>
      troubles(facts, 'make', ({ sinceMs, cause }, instance) => ({
        message: `new keys of ${instance} are refused since ${isoTime(sinceMs)}: ${cause ?? ''}`,
      })),
  },
  'reads-refused': {
    severity: 'critical',
    meaning:
      "The root key's service refuses to return the keys of an instance, or does not answer when they are read, though the root key answers.",
    action:
      'Keys in memory are served until their time is over; others are refused. If it refuses, give the service ID the role ReaderPlus or Manager; otherwise the service or the way to it is in trouble, as the message says. The condition stays until a key is read again.',
    find: (facts) =>
      troubles(facts, 'read', ({ sinceMs, cause }, instance) => ({
        message: `keys of ${instance} cannot be read at the service of its root key since ${isoTime(sinceMs)}: ${cause ?? ''}`,
      })),
  },
  'root-key-slow': {
    severity: 'warning',
    meaning: 'Calls of Key Protect, HPCS or IAM do not end, and others may wait for them.',
    action:
      'Check the host that the message names, and the network to it. Keys in memory are served meanwhile, and calls that read keys never wait for the others. The log says how each call ended.',
    find: slowCalls,
  },
  'standard-keys-left': {
    severity: 'warning',
    meaning:
      "Keys were destroyed here, and their standard keys are still at the root key's service: every user of the root key can still open them there.",
    action: leftAdvice('mortise root-key forget-left SERVICE'),
    find: (facts) => troubles(facts, 'delete', standardKeysLeft),
  },
  'closings-unrecorded': {
    severity: 'warning',
    meaning:
      "Keys were revoked here, and the root key's service does not know it: a restore without the database would bring them back Active.",
    action:
      'Check the service and the role of the service ID. The server tries again every minute by itself.',
    find: (facts) =>
      troubles(facts, 'record', ({ sinceMs, cause }, instance) => ({
        message: `revoked keys of ${instance} are not recorded as revoked at the root key's service since ${isoTime(sinceMs)}: ${cause ?? ''}`,
      })),
  },
  'another-server': {
    severity: 'critical',
    meaning: 'Another server uses the same instance: a copied or restored data folder runs beside this one.',
    action:
      'Stop one of the two servers for good: the one with the older database. No key is lost, but each server learns only later what the other did.',
    find: (facts) =>
      troubles(facts, 'another', ({ sinceMs, cause }, instance) => ({
        message: `another server uses ${instance}, seen since ${isoTime(sinceMs)}: ${cause ?? ''}`,
      })),
  },
  'work-waits': {
    severity: 'warning',
    meaning: 'The move of an instance to another root key or custody, or its rewrap, does not go on.',
    action: 'Mend what the message names. The server tries again by itself: mortise instance show NAME',
    find: ({ work }) =>
      work.map(({ instance: { id, name }, work: { kind, id: workId }, trouble, done, total }) => {
        const what = kind === 'move' ? 'the move to another root key or custody' : 'the rewrap'
        // Nothing was counted where not even the root key could be opened.
        const progress = total === 0 ? '' : ` (${done} of ${total} done)`
        const message = `${what} of the instance ${name} does not go on${progress}: ${trouble}`
        const action = `The server tries again by itself, and continues when the cause is gone. The progress: mortise instance show ${shellWord(name)}`
        return { instanceId: id, about: workId, message, action }
      }),
  },
  'keys-recoverable': {
    severity: 'notice',
    meaning:
      'Keys were destroyed in an instance with a destroy delay, and can still be brought back. For KMIP they are destroyed.',
    action:
      'If that was a mistake, bring them back before they are removed for good: mortise key list --recoverable, mortise key undestroy KEY. Otherwise there is nothing to do.',
    find: ({ recoverable }) =>
      recoverable.map(({ instance: { id, name }, count, firstUntil, lastUntil }) => {
        const when =
          firstUntil === lastUntil ? firstUntil : `${firstUntil} (the last of them until ${lastUntil})`
        const many = `${aOrMany(count, 'destroyed key')} of the instance ${name} can be brought back until ${when}`
        return { instanceId: id, about: '', message: many }
      }),
  },
  'near-limit': {
    severity: 'warning',
    meaning:
      'An instance holds 80 % or more of the objects or bytes that it may. When it is full, nothing more can be created in it.',
    action:
      'Find out which client fills it, or raise the limit: mortise instance set NAME --objects-max N (or --bytes-max)',
    find: nearLimits,
  },
} as const satisfies ConditionLines<StoredKeyFacts>

export async function storedKeyFacts(parts: StoredKeyNeeds, common: CommonFacts): Promise<StoredKeyFacts> {
  const instances = [...common.trust.tables.instance.values()]
  return {
    ...common,
    usages: await instanceUsages(parts),
    recoverable: await recoverableFacts(parts, instances),
    work: instances.flatMap((instance) => workFacts(parts, instance)),
  }
}

const storedKeyMetrics = {
  recoverableKeys: gauge('recoverable_keys', 'Destroyed keys that can still be brought back.'),
  nearLimit: gauge(
    'instances_near_limit',
    'Instances that use 80 % or more of their limit on objects or bytes.',
  ),
  limitUsed: gauge(
    'limit_used_ratio',
    'Used part of the limits of the fullest instance, by limit (objects, bytes): 0 to 1.',
    'limit',
  ),
}

export const storedKeyState = conditionsAlone({
  conditions: storedKeyConditions,
  facts: storedKeyFacts,
  metrics: storedKeyMetrics,
  gauges: ({ recoverable, usages }, gauges) => {
    gauges.recoverableKeys.set(recoverable.reduce((sum, { count }) => sum + count, 0))
    gauges.nearLimit.set(usages.filter(({ near }) => near.length > 0).length)
    for (const limit of ['objects', 'bytes'] as const)
      gauges.limitUsed.set({ limit }, Math.max(0, ...usages.map(({ ratios }) => ratios[limit])))
  },
})

function workFacts({ instanceWork }: StoredKeyNeeds, { id, name, work }: Instance): readonly WorkFacts[] {
  const progress = work && instanceWork.progress(id)
  if (!progress || progress.trouble === null) return []
  const { trouble, done, total } = progress
  return [{ instance: { id, name }, work, trouble, done, total }]
}

async function recoverableFacts(
  parts: StoredKeyNeeds,
  instances: readonly Instance[],
): Promise<readonly RecoverableFacts[]> {
  const all = instances.map(async ({ id, name }) => {
    return { instance: { id, name }, ...(await shownRecoverable(parts, { id })) }
  })
  return (await Promise.all(all)).filter(({ count }) => count > 0)
}

/** A data key that is closed is reported as its instance's trouble, where there is one. */
function closedKeys({
  trust: { tables },
  readiness: { altered, closed, degraded },
}: StoredKeyFacts): readonly Occurrence[] {
  const reported = closed
    .filter(({ kind, instanceId }) => kind === 'object' || !degraded.has(instanceId))
    .filter(({ kind, instanceId, id }) => {
      return !altered.some((item) => item.kind === kind && item.instanceId === instanceId && item.id === id)
    })
  const groups = Map.groupBy(reported, ({ instanceId, kind }) => JSON.stringify([instanceId, kind]))
  return [...groups.values()].flatMap((items): readonly Occurrence[] => {
    const [first] = items
    if (!first) return []
    const { instanceId, kind } = first
    const many = aOrMany(items.length, kind === 'object' ? 'key' : 'data key')
    const remembered = closed.filter((one) => one.instanceId === instanceId).length
    const atLeast = remembered >= closedKeysMax ? 'at least ' : ''
    const verb = items.length === 1 ? 'does' : 'do'
    const said = `${atLeast}${many} of the instance ${instanceName(tables, instanceId)} ${verb} not open (${someOf(items)})`
    const { message, ...rest } = closedWords[kind]
    return [{ instanceId, about: kind, message: said + message, ...rest }]
  })
}

const closedWords: Record<ClosedKey['kind'], Pick<Occurrence, 'message' | 'action'>> = {
  object: { message: ": deleted at its root key's service, most likely" },
  'data key': { message: ', nor do the keys that it seals', action: 'The log says why.' },
}

function troubles(
  { trust: { tables }, readiness: { standardKeys } }: StoredKeyFacts,
  kind: StandardKeyTrouble['what'],
  say: (trouble: StandardKeyTrouble, instance: string) => Pick<Occurrence, 'message' | 'action'>,
): readonly Occurrence[] {
  return standardKeys
    .filter(({ what }) => what === kind)
    .map((trouble) => {
      const { instanceId, remedy: action } = trouble
      const name = tables.instance.get(instanceId)?.name
      const said = say(trouble, `the instance ${name ?? `${instanceId}, which is gone,`}`)
      const occurrence = { ...said, ...(action !== undefined && { action }) }
      // A deleted instance's troubles are shown to tokens for all instances.
      if (name === undefined) return { instanceId: null, about: instanceId, ...occurrence }
      return { instanceId, about: '', ...occurrence }
    })
}

function standardKeysLeft(
  { sinceMs, left, rootKeyUris, cause }: StandardKeyTrouble,
  instance: string,
): Pick<Occurrence, 'message' | 'action'> {
  const many = counted(left, 'standard key')
  const wait = `${left === 1 ? 'waits' : 'wait'} to be deleted since ${isoTime(sinceMs)}`
  const where = `beside ${rootKeyUris.join(' and ')}`
  const message = `${many} of ${instance} ${wait}, ${where}: ${cause ?? 'no answer yet'}`
  // keyprotect://HOST/GUID
  const services = new Set(rootKeyUris.map((uri) => uri.split('/', 4).join('/')))
  const commands = [...services].map((service) => `mortise root-key forget-left ${shellWord(service)}`)
  return { message, action: leftAdvice(commands.join(', ')) }
}

function leftAdvice(command: string): string {
  return `The message has the reason: give the service ID the role Manager, or, under dual authorization, have another person set the keys for deletion. The server tries again every minute. Until it succeeds, a restore from there would bring these keys back. If the whole service instance is gone for good, its keys went with it, and the service does not say so. Then give them up: ${command}`
}

function slowCalls({ trust: { tables }, readiness: { calls } }: StoredKeyFacts): readonly Occurrence[] {
  return calls
    .filter(({ oldestMs }) => oldestMs >= keyProtectSlowMs)
    .map(({ instanceId, host, lane, running, waiting, oldestMs }) => {
      const whose = instanceId === null ? 'the server' : `the instance ${instanceName(tables, instanceId)}`
      const counts = `${String(running)} run and ${String(waiting)} wait, the oldest since ${String(Math.round(oldestMs / 1000))} s`
      return {
        instanceId,
        about: lane,
        message: `${laneWords[lane]} for ${whose} hang at ${host}: ${counts}`,
      }
    })
}

const laneWords: Record<ReadinessFacts['calls'][number]['lane'], string> = {
  reads: 'calls that read keys',
  others: 'calls that create, change and list keys',
}

function nearLimits({ usages }: StoredKeyFacts): readonly Occurrence[] {
  return usages.flatMap(({ instance: { id, name, ...row }, used, ratios, near }) => {
    const { objectsMax, bytesMax } = limitsOf(row)
    return near.map((what) => {
      const max = what === 'objects' ? objectsMax : bytesMax
      const percent = Math.floor(ratios[what] * 100)
      const message = `the instance ${name} holds ${used[what]} of ${max} ${what} (${percent} %)`
      const action = `When it is full, nothing more can be created in it. Find out which client fills it, or raise the limit: mortise instance set ${shellWord(name)} --${what}-max N`
      return { instanceId: id, about: what, message, action }
    })
  })
}
