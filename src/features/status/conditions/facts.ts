// The facts that the conditions are found in, gathered once into one value. Conditions are functions of it and ask
// nothing themselves.

import { clockBehindMs } from './bounds.ts'
import type { Certificate } from '../../../core/pki/certificate.ts'
import type { AuditTimes } from '../../../core/ports/audit.ts'
import { isRootKeyFile } from '../../../base/root-key-file.ts'
import type { DatabaseFacts } from '../../../core/ports/store.ts'
import type {
  AuditExport,
  GuardedActs,
  RootKeyCopy,
  TokenRecovery,
} from '../../../core/sealing/server-notes.ts'
import type { InventorySummary } from '../../inventory/inventories.ts'
import type { TrustSnapshot } from '../../../core/trust/rows.ts'
import type { Instance, InstanceWork, Token } from '../../../core/trust/rows.ts'
import { areTwo } from '../../../core/trust/second-person.ts'
import type { UnservedVersion } from '../../../core/trust/unserved-versions.ts'
import type { BackupFacts } from '../../backup/port.ts'
import type { AdminContext } from '../../../doors/http/context.ts'
import type { ReadinessFacts, WorkerFacts } from '../../../core/server/readiness-facts.ts'
import { expiriesOf, type Expiry } from '../expiries.ts'
import {
  instanceUsages,
  shownRecoverable,
  type InstanceUsage,
} from '../../../doors/http/views/instance-usage.ts'
import type { ForwarderFacts } from '../../siem/forwarder.ts'
import { upstreamFacts, type UpstreamFacts } from '../../adopt/shown-upstream.ts'

export interface Facts {
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number
  readonly trust: Pick<TrustSnapshot, 'tables' | 'alarms'>
  readonly readiness: ReadinessFacts
  /** The findings of the last check of the marks of destroyed keys, one sentence each. */
  readonly marks: readonly string[]
  readonly expiries: readonly Expiry[]
  /** The staged server certificate that is switched to at a time. */
  readonly scheduledSwitch: { readonly sha256: string; readonly atMs: number } | null
  readonly usages: readonly InstanceUsage[]
  /** Instances with destroyed keys that can still be brought back. */
  readonly recoverable: readonly RecoverableFacts[]
  readonly work: readonly WorkFacts[]
  readonly inventories: readonly InventoryFacts[]
  readonly tokens: readonly TokenFacts[]
  readonly pendingClients: number
  /** Those of the server and of instances, each once. */
  readonly rootKeyFiles: readonly RootKeyFileFacts[]
  readonly rootKeyCopies: readonly RootKeyCopy[]
  /** The URI of the root key of the server itself. */
  readonly serverRootKeyUri: string
  readonly audit: AuditFacts
  /** Bytes that this process may still write to the disk of the data folder. */
  readonly freeBytes: number
  /** null: the store is its own database. */
  readonly database: DatabaseFacts | null
  readonly workers: WorkerFacts | null
  /** Drafts of KMIP that this server speaks. */
  readonly drafts: readonly string[]
  readonly connections: AdminContext['about']['connections']
  readonly unservedVersions: readonly UnservedVersion[]
  readonly tokenRecovery: TokenRecovery | null
  /** Acts that need a second person here; `noted`: as the last start that changed them had them. */
  readonly guard: {
    readonly acts: readonly string[]
    readonly noted: GuardedActs | null
    /** Whether one could ask and another approve, as far as anybody can know. */
    readonly areTwo: boolean
  }
  readonly backups: BackupFacts
  readonly upstreams: readonly UpstreamFacts[]
  readonly siem: readonly ForwarderFacts[]
  readonly alerts: AlertFacts
}

export interface AlertFacts {
  /** Why nobody is told, though somebody is to be; null: the file of targets can be read. */
  readonly trouble: string | null
  /** Targets that did not take an alert, and have taken none since. */
  readonly silent: AdminContext['alerts']['silent']
}

export interface RecoverableFacts {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly count: number
  /** When the first and the last of them are removed for good, ISO 8601. */
  readonly firstUntil: string | null
  readonly lastUntil: string | null
}

export interface WorkFacts {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly work: InstanceWork
  readonly trouble: string
  readonly done: number
  readonly total: number
}

/** As last counted, at most inventoryLookEveryMs ago. */
export interface InventoryFacts extends Pick<InventorySummary, 'missing' | 'destroyed'> {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly takenMs: number
}

export interface TokenFacts {
  readonly token: Token
  /** null: never used. */
  readonly lastUsedMs: number | null
}

export interface AuditFacts extends AuditTimes {
  /** Since when the clock goes on behind entries of the future; null: there are none, or nothing was entered since. */
  readonly setBackMs: number | null
  readonly lastExport: AuditExport | null
  /** `audit.keep`; null: nothing is pruned by itself. */
  readonly keepDays: number | null
}

/** A root key file as it lies on the disk now. */
export interface RootKeyFileFacts {
  readonly uri: string
  readonly path: string
  /** Why it gives no root key, in words for people; null: it gives one. */
  readonly problem: string | null
  /** null where there is a problem. */
  readonly id: string | null
  /** The permission bits, such as 0o600; null where the file cannot be looked at. */
  readonly mode: number | null
  /** Its passphrase must be kept apart together with it. */
  readonly hasPassphrase: boolean
}

/** The facts that only the machine knows. */
export interface Machine {
  rootKeyFiles(uris: readonly string[]): Promise<readonly RootKeyFileFacts[]>
  freeBytes(): Promise<number>
  /** The certificate that the admin API shows. */
  adminCertificate(): Certificate
  auditKeepDays(): number | null
}

export type FactParts = Pick<
  AdminContext,
  | 'access'
  | 'authority'
  | 'backups'
  | 'clock'
  | 'guard'
  | 'lastSeen'
  | 'machine'
  | 'marks'
  | 'notes'
  | 'pending'
  | 'people'
  | 'readiness'
  | 'recovery'
  | 'rootKeys'
  | 'serverCertificate'
  | 'serverCertificates'
  | 'alerts'
  | 'siem'
  | 'store'
  | 'unservedVersions'
  | 'upstreams'
  | 'workers'
> & {
  readonly instanceWork: Pick<AdminContext['instanceWork'], 'progress'>
  readonly inventories: Pick<AdminContext['inventories'], 'known'>
  readonly about: Pick<AdminContext['about'], 'drafts' | 'connections'>
}

/** `known`: whoever asks has looked already. */
export async function gatherFacts(parts: FactParts, known?: Facts['readiness']): Promise<Facts> {
  const { access, clock, machine, notes, store } = parts
  const [trust, readiness] = [await access.snapshot(), known ?? (await parts.readiness())]
  const nowMs = clock.now()
  const serverRootKeyUri = parts.rootKeys.initial
  const instances = [...trust.tables.instance.values()]
  const uris = new Set([serverRootKeyUri, ...instances.map(({ rootKeyUri }) => rootKeyUri)])
  // Each waits for its disk for a bounded time.
  const [rootKeyFiles, freeBytes, backups] = await Promise.all([
    machine.rootKeyFiles([...uris].filter(isRootKeyFile)),
    machine.freeBytes(),
    parts.backups.facts(),
  ])
  await parts.pending.follow()
  return {
    nowMs,
    trust,
    readiness,
    marks: parts.marks.findings,
    expiries: expiriesOf(trust.tables, ownCertificates(parts), nowMs),
    scheduledSwitch: scheduledSwitch(parts),
    usages: await instanceUsages(parts),
    recoverable: await recoverableFacts(parts, instances),
    work: instances.flatMap((instance) => workFacts(parts, instance)),
    inventories: instances.flatMap((instance) => inventoryFacts(parts, instance)),
    tokens: await tokenFacts(parts, trust),
    pendingClients: parts.pending.list().length,
    rootKeyFiles,
    rootKeyCopies: (await notes.read('root-key-copies')) ?? [],
    serverRootKeyUri,
    audit: {
      ...(await store.auditTimes()),
      setBackMs: await store.auditSetBack(nowMs + clockBehindMs),
      lastExport: (await notes.read('audit-export')) ?? null,
      keepDays: machine.auditKeepDays(),
    },
    freeBytes,
    database: await store.databaseFacts(),
    workers: parts.workers(),
    drafts: parts.about.drafts,
    connections: parts.about.connections,
    unservedVersions: parts.unservedVersions.list(),
    tokenRecovery: (await notes.read('token-recovery')) ?? null,
    guard: {
      acts: parts.guard.acts,
      noted: (await notes.read('guarded-acts')) ?? null,
      areTwo: parts.guard.acts.length > 0 && areTwoPeople(parts, trust, nowMs),
    },
    backups,
    upstreams: await allUpstreams(parts, instances),
    siem: await parts.siem.facts(),
    alerts: await alertFacts(parts),
  }
}

async function alertFacts({ alerts }: Pick<FactParts, 'alerts'>): Promise<AlertFacts> {
  try {
    const named = new Set((await alerts.targets()).map(({ name }) => name))
    return { trouble: null, silent: alerts.silent.filter(({ target }) => named.has(target)) }
  } catch (error) {
    return { trouble: error instanceof Error ? error.message : String(error), silent: [] }
  }
}

/** Nobody knows how many members a group has, until they log in. */
function areTwoPeople({ people }: FactParts, { tables }: TrustSnapshot, nowMs: number): boolean {
  return people.managerGroups(null, tables).length > 0 || areTwo({ tables, nowMs, loginOf: people.loginOf })
}

async function allUpstreams(parts: FactParts, instances: readonly Instance[]): Promise<Facts['upstreams']> {
  const all = await Promise.all(instances.map((instance) => upstreamFacts(parts, instance)))
  return all.filter((facts) => facts !== null)
}

function ownCertificates({
  serverCertificate,
  authority,
  machine,
}: Pick<FactParts, 'serverCertificate' | 'authority' | 'machine'>) {
  return {
    server: serverCertificate(),
    authority: authority.certificate,
    admin: machine.adminCertificate(),
  }
}

function scheduledSwitch({ serverCertificates }: FactParts): Facts['scheduledSwitch'] {
  const { staged } = serverCertificates.view()
  if (!staged || staged.atMs === null) return null
  return { sha256: staged.certificate.sha256, atMs: staged.atMs }
}

function workFacts({ instanceWork }: FactParts, { id, name, work }: Instance): readonly WorkFacts[] {
  const progress = work && instanceWork.progress(id)
  if (!progress || progress.trouble === null) return []
  const { trouble, done, total } = progress
  return [{ instance: { id, name }, work, trouble, done, total }]
}

function inventoryFacts(
  { inventories }: Pick<FactParts, 'inventories'>,
  { id, name }: Instance,
): readonly InventoryFacts[] {
  const summary = inventories.known().get(id)
  if (!summary) return []
  const { missing, destroyed } = summary
  const takenMs = Math.min(...summary.inventories.map((one) => one.takenMs))
  return [{ instance: { id, name }, missing, destroyed, takenMs }]
}

async function recoverableFacts(
  parts: FactParts,
  instances: readonly Instance[],
): Promise<readonly RecoverableFacts[]> {
  const all = instances.map(async ({ id, name }) => {
    return { instance: { id, name }, ...(await shownRecoverable(parts, { id })) }
  })
  return (await Promise.all(all)).filter(({ count }) => count > 0)
}

async function tokenFacts(
  { lastSeen }: FactParts,
  { tables }: TrustSnapshot,
): Promise<readonly TokenFacts[]> {
  const tokens = [...tables.token.values()]
  const seen = await lastSeen.of(tokens.map(({ sha256 }) => sha256))
  return tokens.map((token) => ({ token, lastUsedMs: seen.get(token.sha256)?.lastMs ?? null }))
}
