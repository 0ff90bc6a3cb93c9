// Finds in the audit log what happened after a backup: keys that were revoked, received a Deactivation Date, were destroyed or
// brought back, and trust that was withdrawn. A restore applies it again. The log must be genuine, and must continue the one in
// the backup.

import type { LogParts } from '../audit/proof.ts'
import { verifyLog } from '../audit/verify.ts'
import type { AuditEntry, StoredAuditEntry, WriterHead } from '../ports/audit.ts'
import type { InstanceClosing } from '../trust/rows.ts'
import { BackupError } from './error.ts'
import type { BackupState } from './state.ts'
import type { Manifest } from './manifest.ts'

export interface LaterActs {
  /** The time of the last entry; null if there is none after the backup. */
  readonly upToMs: number | null
  readonly entries: number
  /** Objects that were made or adopted later: the backup does not have them. */
  readonly made: readonly string[]
  /** By instance and identifier, see `objectName`. */
  readonly closed: ReadonlyMap<string, LoggedClosing>
  /** Instances that were deleted or shredded, and not restored since. */
  readonly instancesGone: ReadonlyMap<string, InstanceGone>
  /** Instances that lost all their clients by a deletion or a shred, including instances that were restored since. */
  readonly instancesEmptied: ReadonlySet<string>
  readonly clientsRemoved: ReadonlySet<string>
  /** Instances that are closed, by their ids, with the act that closed them. */
  readonly instancesClosed: ReadonlyMap<string, InstanceClosing>
  /** The act that closed the server; null: it was not closed, or opened again. */
  readonly serverClosed: InstanceClosing | null
  /** By client: the operations that its last change allowed it. */
  readonly allowed: ReadonlyMap<string, readonly string[]>
  /** SHA-256 of certificates, or ids of CAs. */
  readonly certificatesRemoved: ReadonlySet<string>
  /** SHA-256 of certificates, with the time. */
  readonly blocked: ReadonlyMap<string, number>
}

export interface InstanceGone {
  readonly atMs: number
  readonly shredded: boolean
}

export interface LoggedClosing {
  readonly revoked: { readonly reason: string; readonly atMs: number } | null
  /** Its last Deactivation Date; null: it has none. */
  readonly deactivatesMs: number | null
  /** `untilMs`: the end of the time to bring it back, by the wall clock; null: it is gone. */
  readonly destroyed: { readonly atMs: number; readonly untilMs: number | null } | null
  /** Whether it was brought back; `destroyed` then means a later destruction. */
  readonly broughtBack: boolean
}

export const notClosed: LoggedClosing = {
  revoked: null,
  deactivatesMs: null,
  destroyed: null,
  broughtBack: false,
}

export function objectName(instanceId: string, identifier: string): string {
  return JSON.stringify([instanceId, identifier])
}

/** The acts in an export of the audit log. */
export interface ExportedActs extends LaterActs {
  /** How many entries after the backup are missing because the log was pruned. */
  readonly pruned: number
}

/** `publicKey`: of the server that made the backup. Throws BackupError if the log is not its own, or not whole. */
export async function laterActs(
  log: LogParts & { readonly publicKey: string; readonly entries: readonly StoredAuditEntry[] },
  { audit }: Pick<Manifest, 'audit'>,
  publicKey: string,
): Promise<ExportedActs> {
  if (log.publicKey !== publicKey)
    throw new BackupError('the audit export is of another server than the backup: another key signed it')
  const { problems } = await verifyLog(log, { publicKey })
  if (problems.length > 0) throw new BackupError(`the audit export is not whole: ${problems[0]}`)
  const heads = new Map(audit.heads.map((head) => [head.writer, head]))
  const known = new Set(log.entries.map(({ writer, number, hash }) => `${writer} ${number} ${hash}`))
  const pruned = new Map(log.beginnings.map(({ writer, number }) => [writer, number]))
  for (const { writer, number, hash } of heads.values())
    if (!known.has(`${writer} ${number} ${hash}`) && (pruned.get(writer) ?? 0) < number)
      throw new BackupError(
        `the audit export does not continue the log in the backup: it lacks entry ${number} of writer ${writer}`,
        'Export it from the server that was running last: mortise audit export FILE.',
      )
  const acts = actsOf(log.entries.filter(({ writer, number }) => number > (heads.get(writer)?.number ?? 0)))
  return { ...acts, pruned: prunedSince(log.beginnings, { audit }) }
}

/** Whether the log with these heads continues the log of the backup. */
export function continuesLog(heads: readonly WriterHead[], { audit }: Pick<Manifest, 'audit'>): boolean {
  const here = new Map(heads.map(({ writer, number }) => [writer, number]))
  return audit.heads.every(({ writer, number }) => (here.get(writer) ?? 0) >= number)
}

/**
 * The objects of the newest backup that is stored elsewhere; null: there is no such backup, or a database with these heads does
 * not continue it.
 */
export function objectsElsewhere(
  { elsewhere }: BackupState,
  heads: readonly WriterHead[],
): Readonly<Record<string, number>> | null {
  if (!elsewhere) return null
  const { audit, objects } = elsewhere
  return !audit || continuesLog(heads, { audit }) ? objects : null
}

/** How many entries after the backup were pruned from a log with these beginnings. */
export function prunedSince(beginnings: readonly WriterHead[], { audit }: Pick<Manifest, 'audit'>): number {
  const heads = new Map(audit.heads.map(({ writer, number }) => [writer, number]))
  return beginnings.reduce(
    (sum, { writer, number }) => sum + Math.max(0, number - (heads.get(writer) ?? 0)),
    0,
  )
}

/** Whether `actsOf` finds an act on a client, or on a key that a backup has, in the entry. Most other entries are skipped. */
export function tellsOfClosing({ action, detail }: AuditEntry): boolean {
  return (
    closingActs.has(action) || detail?.['deactivationDate'] !== undefined || limitsClient({ action, detail })
  )
}

function limitsClient({ action, detail }: Pick<AuditEntry, 'action' | 'detail'>): boolean {
  return action === 'client.set' && detail?.['allow'] !== undefined
}

const closingActs: ReadonlySet<AuditEntry['action']> = new Set([
  'key.revoke',
  'key.adopt',
  'key.destroy',
  'key.erase',
  'key.undestroy',
  'instance.delete',
  'instance.shred',
  'instance.restore',
  'instance.close',
  'instance.open',
  'client.remove',
  'client.certificate.remove',
  'client.re-provision',
])

/** The states in which an adoption closes a key, with the reason of a revocation that has the same effect. */
const closedThere: Readonly<Record<string, string>> = {
  Deactivated: 'Unspecified',
  Compromised: 'KeyCompromise',
}

/** Gathers the acts of these entries, which are in the order of writing. */
export function actsOf(entries: readonly StoredAuditEntry[]): LaterActs {
  const closed = new Map<string, LoggedClosing>()
  const made = new Set<string>()
  const instancesGone = new Map<string, InstanceGone>()
  const instancesEmptied = new Set<string>()
  const [clientsRemoved, certificatesRemoved] = [new Set<string>(), new Set<string>()]
  const blocked = new Map<string, number>()
  const instancesClosed = new Map<string, InstanceClosing>()
  let serverClosed: InstanceClosing | null = null
  const allowed = new Map<string, readonly string[]>()
  let upToMs: number | null = null
  for (const { body } of entries) {
    const entry = JSON.parse(body) as AuditEntry
    const { atMs, action, result, instanceId, object, detail } = entry
    upToMs = Math.max(upToMs ?? atMs, atMs)
    if (result !== 'success') continue
    for (const one of madeBy(entry)) made.add(one)
    if (object === null) continue
    const name = objectName(instanceId ?? '', object)
    const deactivatesMs = timeOf(detail?.['deactivationDate'])
    if (deactivatesMs !== null) closed.set(name, { ...(closed.get(name) ?? notClosed), deactivatesMs })
    const before = closed.get(name) ?? notClosed
    if (action === 'key.revoke')
      closed.set(name, { ...before, revoked: { reason: textOf(detail?.['reason']), atMs } })
    else if (action === 'key.adopt') {
      const reason = closedThere[textOf(detail?.['state'])]
      if (reason !== undefined) closed.set(name, { ...before, revoked: { reason, atMs } })
    } else if (action === 'key.destroy' || action === 'key.erase') {
      const destroyed = { atMs, untilMs: timeOf(detail?.['recoverableUntil']) }
      closed.set(name, { ...before, destroyed })
    } else if (action === 'key.undestroy') closed.set(name, { ...before, destroyed: null, broughtBack: true })
    else if (action === 'instance.delete' || action === 'instance.shred') {
      instancesGone.set(object, { atMs, shredded: action === 'instance.shred' })
      instancesEmptied.add(object)
    } else if (action === 'instance.restore') instancesGone.delete(object)
    else if (action === 'instance.close') instancesClosed.set(object, closingIn(entry))
    else if (action === 'instance.open') instancesClosed.delete(object)
    else if (action === 'server.close') serverClosed = closingIn(entry)
    else if (action === 'server.open') serverClosed = null
    else if (action === 'client.remove') clientsRemoved.add(object)
    else if (limitsClient(entry)) allowed.set(object, textOf(detail?.['allow']).split(', '))
    else if (action === 'client.certificate.remove') certificatesRemoved.add(textOf(detail?.['certificate']))
    else if (action === 'client.re-provision') {
      // A CA may vouch for it, so removing the row is not enough.
      blocked.set(textOf(detail?.['replaces']), atMs)
      certificatesRemoved.add(textOf(detail?.['replaces']))
    } else if (action === 'client.block') blocked.set(object, atMs)
    else if (action === 'client.unblock') blocked.delete(object)
  }
  const acts = {
    closed,
    instancesGone,
    instancesEmptied,
    instancesClosed,
    serverClosed,
    clientsRemoved,
    allowed,
    certificatesRemoved,
    blocked,
  }
  return { upToMs, entries: entries.length, made: [...made], ...acts }
}

function closingIn({ atMs, actor, detail }: AuditEntry): InstanceClosing {
  return { atMs, by: actor.name ?? '', reason: textOf(detail?.['reason']) }
}

/** The acts that make the object of their entries. */
const makesObject: ReadonlySet<AuditEntry['action']> = new Set([
  'key.create',
  'key.register',
  'key.derive',
  'key.join',
  'key.create-pair',
  'key.rekey-pair',
  'certificate.certify',
  'certificate.re-certify',
])

/** The fields of entries that name the objects of an act. */
const namesMade: { readonly [A in AuditEntry['action']]?: string } = {
  'key.create-pair': 'publicKey',
  'key.rekey-pair': 'publicKey',
  'key.re-key': 'replacement',
  'key.encapsulate': 'secret',
  'key.decapsulate': 'secret',
  'key.split': 'parts',
}

/** The objects that an act made or adopted. */
function madeBy({ action, object, detail }: AuditEntry): readonly string[] {
  const isNew =
    makesObject.has(action) ||
    (action === 'key.import' && detail?.['replaces'] !== true) ||
    (action === 'key.adopt' && detail?.['isNew'] === true)
  const field = namesMade[action]
  const named = field === undefined ? [] : textOf(detail?.[field]).split(' ')
  return isNew && object !== null ? [object, ...named] : named
}

function timeOf(value: unknown): number | null {
  const ms = Date.parse(textOf(value))
  return Number.isNaN(ms) ? null : ms
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
