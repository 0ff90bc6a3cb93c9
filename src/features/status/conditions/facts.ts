// The facts that the conditions are found in, gathered once into one value. Conditions are functions of it and ask
// nothing themselves.

import { clockBehindMs } from './bounds.ts'
import type { RootKeyFileFacts } from '../../../core/server/machine.ts'
import type { AuditTimes } from '../../../core/ports/audit.ts'
import { isRootKeyFile } from '../../../base/root-key-file.ts'
import type { DatabaseFacts } from '../../../core/ports/store.ts'
import type { AuditExport, RootKeyCopy, TokenRecovery } from '../../../core/sealing/server-notes.ts'
import type { Instance, InstanceWork, Token } from '../../../core/trust/rows.ts'
import type { UnservedVersion } from '../../../core/trust/unserved-versions.ts'
import type { CommonFacts } from '../../../core/conditions/conditions.ts'
import type { Needs } from '../needs.ts'
import type { WorkerFacts } from '../../../core/server/readiness-facts.ts'
import { expiriesOf, type Expiry } from '../expiries.ts'
import {
  instanceUsages,
  shownRecoverable,
  type InstanceUsage,
} from '../../../doors/http/views/instance-usage.ts'

export interface Facts extends CommonFacts {
  /** The findings of the last check of the marks of destroyed keys, one sentence each. */
  readonly marks: readonly string[]
  readonly expiries: readonly Expiry[]
  /** The staged server certificate that is switched to at a time. */
  readonly scheduledSwitch: { readonly sha256: string; readonly atMs: number } | null
  readonly usages: readonly InstanceUsage[]
  /** Instances with destroyed keys that can still be brought back. */
  readonly recoverable: readonly RecoverableFacts[]
  readonly work: readonly WorkFacts[]
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
  readonly connections: Needs['about']['connections']
  readonly unservedVersions: readonly UnservedVersion[]
  readonly tokenRecovery: TokenRecovery | null
  /** Whether a target outside gets the audit log. */
  readonly isAuditKept: boolean
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

/** Each look at a disk takes a bounded time. */
export async function statusFacts(parts: Needs, common: CommonFacts): Promise<Facts> {
  const { machine, notes, store } = parts
  const { nowMs, trust } = common
  const serverRootKeyUri = parts.rootKeys.initial
  const instances = [...trust.tables.instance.values()]
  const uris = new Set([serverRootKeyUri, ...instances.map(({ rootKeyUri }) => rootKeyUri)])
  const [rootKeyFiles, freeBytes] = await Promise.all([
    machine.rootKeyFiles([...uris].filter(isRootKeyFile)),
    machine.freeBytes(),
  ])
  await parts.pending.follow()
  return {
    ...common,
    marks: parts.marks.findings,
    expiries: expiriesOf(trust.tables, ownCertificates(parts), nowMs),
    scheduledSwitch: scheduledSwitch(parts),
    usages: await instanceUsages(parts),
    recoverable: await recoverableFacts(parts, instances),
    work: instances.flatMap((instance) => workFacts(parts, instance)),
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
    isAuditKept: parts.plugs.auditKeepers.targets.length > 0,
  }
}

function ownCertificates({
  serverCertificate,
  authority,
  machine,
}: Pick<Needs, 'serverCertificate' | 'authority' | 'machine'>) {
  return {
    server: serverCertificate(),
    authority: authority.certificate,
    admin: machine.adminCertificate(),
  }
}

function scheduledSwitch({ serverCertificates }: Needs): Facts['scheduledSwitch'] {
  const { staged } = serverCertificates.view()
  if (!staged || staged.atMs === null) return null
  return { sha256: staged.certificate.sha256, atMs: staged.atMs }
}

function workFacts({ instanceWork }: Needs, { id, name, work }: Instance): readonly WorkFacts[] {
  const progress = work && instanceWork.progress(id)
  if (!progress || progress.trouble === null) return []
  const { trouble, done, total } = progress
  return [{ instance: { id, name }, work, trouble, done, total }]
}

async function recoverableFacts(
  parts: Needs,
  instances: readonly Instance[],
): Promise<readonly RecoverableFacts[]> {
  const all = instances.map(async ({ id, name }) => {
    return { instance: { id, name }, ...(await shownRecoverable(parts, { id })) }
  })
  return (await Promise.all(all)).filter(({ count }) => count > 0)
}

async function tokenFacts(
  { lastSeen }: Needs,
  { tables }: CommonFacts['trust'],
): Promise<readonly TokenFacts[]> {
  const tokens = [...tables.token.values()]
  const seen = await lastSeen.of(tokens.map(({ sha256 }) => sha256))
  return tokens.map((token) => ({ token, lastUsedMs: seen.get(token.sha256)?.lastMs ?? null }))
}
