// The warnings: what needs an administrator soon, in words, such as certificates that expire, root keys in trouble,
// keys that do not open, and work that waits. The log, health, `mortise status` and the API show the same list.

import type { TrustSnapshot } from '../trust/access.ts'
import type { StandardKeyTrouble } from '../sealing/standard-key-troubles.ts'
import { bootstrapName } from '../trust/token-changes.ts'
import type { ClosedKey } from '../sealing/closed-keys.ts'
import { limits } from '../limits.ts'
import { limitsOf } from '../trust/instance-limits.ts'
import type { AdminContext, Readiness, RootKeyTrouble } from './context.ts'
import { expiriesOf, type Expiry } from './expiries.ts'
import { instanceUsages, type InstanceUsage } from './instance-usage.ts'
import { isoTime } from './shown.ts'

export interface Warning {
  /** Stable; for programs. */
  readonly code:
    | 'not-ready'
    | 'changes-refused'
    | 'root-key'
    | 'closed-keys'
    | 'new-keys-refused'
    | 'reads-refused'
    | 'root-key-slow'
    | 'standard-keys-left'
    | 'closings-unrecorded'
    | 'another-server'
    | 'work-waits'
    | 'near-limit'
    | 'certificate-expires'
    | 'bootstrap-token'
    | 'tampering'
  /** The instance that the warning concerns; null: the server. */
  readonly instanceId: string | null
  /** The thing that the warning is about. Code, instance and this name the warning. */
  readonly about: string
  readonly message: string
  /** What to do about it. */
  readonly hint: string
}

type Parts = Pick<
  AdminContext,
  'access' | 'clock' | 'readiness' | 'serverCertificate' | 'authority' | 'store'
> & {
  readonly instanceWork: Pick<AdminContext['instanceWork'], 'progress'>
}

/** All warnings, for a token that may see all instances. */
export async function warningsNow(parts: Parts): Promise<readonly Warning[]> {
  const [snapshot, readiness] = [await parts.access.snapshot(), await parts.readiness()]
  const nowMs = parts.clock.now()
  const own = { server: parts.serverCertificate(), authority: parts.authority.certificate }
  return [
    ...ofReadiness(snapshot, readiness),
    ...ofAltered(snapshot, readiness),
    ...ofClosed(snapshot, readiness),
    ...ofStandardKeys(snapshot, readiness),
    ...ofSlowCalls(snapshot, readiness),
    ...ofWork(snapshot, parts.instanceWork),
    ...(await instanceUsages(parts)).flatMap(ofUsage),
    ...expiriesOf(snapshot.tables, own, nowMs)
      .filter(({ daysLeft }) => daysLeft < limits.expiryWarningDays)
      .map((expiry) => ofExpiry(expiry, snapshot)),
    ...ofBootstrap(snapshot, nowMs),
  ]
}

function ofReadiness({ alarms, tables }: TrustSnapshot, readiness: Readiness): readonly Warning[] {
  const { ready, reason, degraded } = readiness
  const server = { instanceId: null, about: '', hint: 'Its log says more.' }
  const state: Warning[] = ready
    ? reason === null
      ? []
      : [{ code: 'changes-refused', ...server, message: `changes are refused: ${reason}` }]
    : [{ code: 'not-ready', ...server, message: `this node cannot serve: ${reason ?? 'its log says why'}` }]
  const tampering = alarms.map((message): Warning => ({
    code: 'tampering',
    instanceId: null,
    about: message,
    message,
    hint: 'Somebody changed the database by hand: find out who, and look through clients and tokens.',
  }))
  const rootKeys = [...degraded].map(([instanceId, trouble]): Warning => {
    const name = tables.instance.get(instanceId)?.name ?? instanceId
    const { message, hint } = rootKeyWords[trouble]
    const about = `the root key of the instance ${name} ${message}`
    return { code: 'root-key', instanceId, about: trouble, message: about, hint }
  })
  return [...state, ...tampering, ...rootKeys]
}

const rootKeyWords: Record<RootKeyTrouble, Pick<Warning, 'message' | 'hint'>> = {
  unreachable: {
    message: 'cannot be reached',
    hint: 'Until it answers again, its keys are served from memory for a bounded time only. The log says why.',
  },
  withdrawn: {
    message: 'was withdrawn, or our access to it: its keys are not served',
    hint: 'If nobody intended that, enable or restore the root key, or give back the role or API key. The log has the refusal.',
  },
  failing: {
    message: 'does not open its keys',
    hint: 'The log says why.',
  },
}

function ofAltered({ tables }: TrustSnapshot, { altered }: Readiness): readonly Warning[] {
  const groups = Map.groupBy(altered, ({ instanceId, kind }) => JSON.stringify([instanceId, kind]))
  return [...groups.values()].flatMap((items): readonly Warning[] => {
    const [first] = items
    if (!first) return []
    const { instanceId, kind } = first
    const noun = kind === 'object' ? 'key' : kind
    const of =
      instanceId === null
        ? 'the server'
        : `the instance ${tables.instance.get(instanceId)?.name ?? instanceId}`
    const does = items.length === 1 ? 'does' : 'do'
    const atLeast = altered.length >= limits.alteredItemsMax ? 'at least ' : ''
    const message = `${atLeast}${counted(items.length, noun)} of ${of} ${does} not open: what is stored was altered or moved (${named(items)})`
    const hint =
      'Find out who can write the database, or whether its disk is damaged. Restore what was altered from a backup. The warning stays until it opens again.'
    return [{ code: 'tampering', instanceId, about: kind, message, hint }]
  })
}

/** `a key`, `3 keys`. */
function counted(count: number, noun: string): string {
  return count === 1 ? `a ${noun}` : `${String(count)} ${noun}s`
}

function named(items: readonly { readonly id: string }[]): string {
  const ids = items.slice(0, limits.closedKeysNamedMax).map(({ id }) => id)
  return ids.join(', ') + (items.length > ids.length ? `, and ${String(items.length - ids.length)} more` : '')
}

/** Leaves out a closed data key if its instance already has a warning about the root key. */
function ofClosed({ tables }: TrustSnapshot, { altered, closed, degraded }: Readiness): readonly Warning[] {
  const told = closed
    .filter(({ kind, instanceId }) => kind === 'object' || !degraded.has(instanceId))
    .filter(({ kind, instanceId, id }) => {
      return !altered.some((item) => item.kind === kind && item.instanceId === instanceId && item.id === id)
    })
  const groups = Map.groupBy(told, ({ instanceId, kind }) => JSON.stringify([instanceId, kind]))
  return [...groups.values()].flatMap((items): readonly Warning[] => {
    const [first] = items
    if (!first) return []
    const { instanceId, kind } = first
    const many = counted(items.length, kind === 'object' ? 'key' : 'data key')
    const atLeast = closed.length >= limits.closedKeysMax ? 'at least ' : ''
    const name = tables.instance.get(instanceId)?.name ?? instanceId
    const verb = items.length === 1 ? 'does' : 'do'
    const said = `${atLeast}${many} of the instance ${name} ${verb} not open (${named(items)})`
    const { message, hint } = closedWords[kind]
    return [{ code: 'closed-keys', instanceId, about: kind, message: said + message, hint }]
  })
}

const closedWords: Record<ClosedKey['kind'], Pick<Warning, 'message' | 'hint'>> = {
  object: {
    message: ": deleted at its root key's service, most likely",
    hint: 'If nobody intended that, restore it there within 30 days: the log has the command. The warning stays until a client gets the key again.',
  },
  'data key': {
    message: ', nor do the keys that it seals',
    hint: 'The log says why.',
  },
}

function ofStandardKeys({ tables }: TrustSnapshot, { standardKeys }: Readiness): readonly Warning[] {
  return standardKeys.map((trouble) => {
    const { instanceId, what } = trouble
    const name = tables.instance.get(instanceId)?.name
    const instance = `the instance ${name ?? `${instanceId}, which is gone,`}`
    const { code, message, hint } = standardKeyWords[what](trouble, instance)
    // A warning about a deleted instance goes to tokens that may see everything.
    const about = name === undefined ? instanceId : ''
    return { code, instanceId: name === undefined ? null : instanceId, about, message, hint }
  })
}

const standardKeyWords: Record<
  StandardKeyTrouble['what'],
  (trouble: StandardKeyTrouble, instance: string) => Pick<Warning, 'code' | 'message' | 'hint'>
> = {
  make: ({ sinceMs, cause }, instance) => ({
    code: 'new-keys-refused',
    message: `new keys of ${instance} are refused since ${isoTime(sinceMs)}: ${cause ?? ''}`,
    hint: 'Existing keys are served. To store keys there, a service ID needs the role Manager, and the root key must be active. The warning stays until a new key is made: mortise key create tries it.',
  }),
  read: ({ sinceMs, cause }, instance) => ({
    code: 'reads-refused',
    message: `keys of ${instance} cannot be read at the service of its root key since ${isoTime(sinceMs)}: ${cause ?? ''}`,
    hint: 'The root key answers, so those in memory are served until their time is over; others are refused. The warning stays until a key is read again.',
  }),
  delete: ({ sinceMs, left, rootKeyUris, cause }, instance) => {
    const many = left === 1 ? '1 standard key' : `${String(left)} standard keys`
    const wait = `${left === 1 ? 'waits' : 'wait'} to be deleted since ${isoTime(sinceMs)}`
    const where = `beside ${rootKeyUris.join(' and ')}`
    return {
      code: 'standard-keys-left',
      message: `${many} of ${instance} ${wait}, ${where}: ${cause ?? 'no answer yet'}`,
      hint: 'Mortise has given them up, but anybody who may use the root key can still open them at its service; a restore from there would bring them back. The server tries again every minute by itself.',
    }
  },
  record: ({ sinceMs, cause }, instance) => ({
    code: 'closings-unrecorded',
    message: `revoked keys of ${instance} are not recorded as revoked at the root key's service since ${isoTime(sinceMs)}: ${cause ?? ''}`,
    hint: 'They are revoked here; a restore without the database would bring them back Active. The server tries again every minute by itself.',
  }),
  another: ({ sinceMs, cause }, instance) => ({
    code: 'another-server',
    message: `another server uses ${instance}, seen since ${isoTime(sinceMs)}: ${cause ?? ''}`,
    hint: 'A copied or restored data folder runs beside this one, most likely. Stop one of the two for good: the one with the older database. No key is lost, but each server learns only later what the other did.',
  }),
}

function ofSlowCalls({ tables }: TrustSnapshot, { calls }: Readiness): readonly Warning[] {
  return calls
    .filter(({ oldestMs }) => oldestMs >= limits.keyProtectSlowMs)
    .map(({ instanceId, host, lane, running, waiting, oldestMs }) => {
      const name = instanceId === null ? null : (tables.instance.get(instanceId)?.name ?? instanceId)
      const counts = `${String(running)} run and ${String(waiting)} wait, the oldest since ${String(Math.round(oldestMs / 1000))} s`
      return {
        code: 'root-key-slow',
        instanceId,
        about: lane,
        message: `${laneWords[lane]} at ${host} for ${name === null ? 'the server' : `the instance ${name}`} hang: ${counts}`,
        hint: 'Keys in memory are served meanwhile. Reading keys and all other calls have slots of their own, so that neither waits for the other. The log says how each call ended.',
      }
    })
}

const laneWords: Record<Readiness['calls'][number]['lane'], string> = {
  reads: 'calls that read keys',
  others: 'calls that create, change and list keys',
}

function ofWork({ tables }: TrustSnapshot, worker: Parts['instanceWork']): readonly Warning[] {
  return [...tables.instance.values()].flatMap(({ id, name, work }): readonly Warning[] => {
    const far = work && worker.progress(id)
    if (!far || far.trouble === null) return []
    const what = work.kind === 'move' ? 'the move to another root key or custody' : 'the rewrap'
    // Nothing was counted if not even the root key could be used.
    const done = far.total === 0 ? '' : ` (${far.done} of ${far.total} done)`
    const message = `${what} of the instance ${name} does not go on${done}: ${far.trouble}`
    const hint = `The server tries again by itself, and continues when the cause is gone. The progress: mortise instance show ${name}`
    return [{ code: 'work-waits', instanceId: id, about: work.id, message, hint }]
  })
}

function ofUsage({ instance: { id, name, ...row }, used, ratios, near }: InstanceUsage): readonly Warning[] {
  const { objectsMax, bytesMax } = limitsOf(row)
  return near.map((what) => {
    const max = what === 'objects' ? objectsMax : bytesMax
    const percent = Math.floor(ratios[what] * 100)
    return {
      code: 'near-limit',
      instanceId: id,
      about: what,
      message: `the instance ${name} holds ${used[what]} of ${max} ${what} (${percent} %)`,
      hint: `When it is full, nothing more can be created in it. Find out which client creates so much, or raise the limit: mortise instance set ${name} --${what}-max N`,
    }
  })
}

function ofExpiry({ kind, name, instanceId, daysLeft, sha256 }: Expiry, { tables }: TrustSnapshot): Warning {
  const when =
    daysLeft >= 0
      ? `expires in ${days(daysLeft)}`
      : daysLeft === -1
        ? 'expired within the last day'
        : `expired ${days(-daysLeft - 1)} ago`
  const instance =
    instanceId === null ? '' : ` of the instance ${tables.instance.get(instanceId)?.name ?? ''}`
  const what = {
    client: `a certificate of the client ${name}${instance}`,
    'client-ca': `the CA that vouches for the client ${name}${instance}`,
    server: name,
    'server-ca': name,
  }[kind]
  const message = `${what} ${when} (SHA-256 ${sha256.slice(0, 16)}...)`
  return { code: 'certificate-expires', instanceId, about: sha256, message, hint: hints[kind] }
}

const hints: Record<Expiry['kind'], string> = {
  client:
    'Renew it in vCenter, trust the new one under the same name (mortise client trust), then take this one away.',
  'client-ca': 'Trust its successor under the same name: mortise client trust --ca.',
  server: 'Renew it: mortise server-cert renew. vCenter has to trust the new one.',
  'server-ca': 'What it issued goes on working where it is pinned. Plan new certificates.',
}

function ofBootstrap({ tables }: TrustSnapshot, nowMs: number): readonly Warning[] {
  return [...tables.token.values()]
    .filter(({ name, instanceId }) => name === bootstrapName && instanceId === null)
    .map(({ createdMs }) => Math.floor((nowMs - createdMs) / (24 * 3600_000)))
    .filter((age) => age > limits.bootstrapTokenDays)
    .map((age) => ({
      code: 'bootstrap-token',
      instanceId: null,
      about: '',
      message: `the first token, a manager's for everything, is ${days(age)} old and lies in the data folder`,
      hint: 'Make a token for each person and program (mortise token create), then revoke the one named bootstrap.',
    }))
}

function days(count: number): string {
  return count === 1 ? '1 day' : `${String(count)} days`
}
