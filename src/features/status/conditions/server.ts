// Conditions of the server as a whole: whether it serves, alterations of its store, its disk, its clock, its
// audit log.

import { alteredItemsMax, connectionsMax, workerEndsWithinMs } from '../../../base/bounds.ts'
import { clockBehindMs } from './bounds.ts'
import { isoTime } from '../../../doors/http/views/shown.ts'
import type { DatabaseFacts, Store } from '../../../core/ports/store.ts'
import type { WorkerFacts } from '../../../core/server/readiness-facts.ts'
import type { MarkCheck } from '../../../core/audit/mark-check.ts'
import type { AuditTimes } from '../../../core/ports/audit.ts'
import type { AuditExport, ServerNotes } from '../../../core/sealing/server-notes.ts'
import type { Machine } from '../../../core/server/machine.ts'
import type { CommonFacts } from '../../../core/conditions/conditions.ts'
import { conditionsAlone } from '../../../doors/http/feature.ts'
import type { Plugs } from '../../../doors/http/plugs.ts'
import type { Needs } from '../needs.ts'
import {
  aOrMany,
  dayMs,
  days,
  instanceName,
  serverOccurrence,
  someOf,
  type ConditionLines,
  type Occurrence,
} from '../../../core/conditions/line.ts'

/** From this many ends of workers within workerEndsWithinMs on, there is a condition. */
const workerEndsMax = 3
/** A difference of the database's clock to the machine's that an administrator should mend. */
const clockDiffersMs = 5_000
/** How old the last export of the audit log, or an audit log without one, may be. */
const auditExportDays = 30
/** How much longer than `audit.keep` entries may stay: pruning waits for the next day. */
const auditKeepSlackDays = 3
/** With less than this free on the data disk, a condition says so. */
export const diskLowBytes = 512 * 1024 * 1024
/** The days for which the condition holds: entries of a clock that was years ahead stay for years. */
const clockBehindToldDays = 7
/** How long after a failover a node may take to come back, and how long it is named that has not. */
export const failoverProveMs = 60_000
const failoverToldDays = 30

export interface ServerNeeds {
  readonly about: Pick<Needs['about'], 'connections' | 'drafts'>
  readonly machine: Pick<Machine, 'auditKeepDays' | 'freeBytes'>
  /** Whether the list of destroyed keys is whole. */
  readonly marks: Pick<MarkCheck, 'findings'>
  readonly notes: Pick<ServerNotes, 'read'>
  readonly plugs: Pick<Plugs, 'auditKeepers'>
  readonly store: Pick<Store, 'auditSetBack' | 'auditTimes' | 'databaseFacts'>
  /** null: the server itself serves. */
  readonly workers: () => WorkerFacts | null
}

export interface ServerConditionFacts extends CommonFacts {
  /** The findings of the last check of the marks of destroyed keys, one sentence each. */
  readonly marks: readonly string[]
  readonly audit: AuditFacts
  /** Bytes that this process may still write to the disk of the data folder. */
  readonly freeBytes: number
  /** null: the store is its own database. */
  readonly database: DatabaseFacts | null
  readonly workers: WorkerFacts | null
  /** Drafts of KMIP that this server speaks. */
  readonly drafts: readonly string[]
  readonly connections: Needs['about']['connections']
  /** Whether a target outside gets the audit log. */
  readonly isAuditKept: boolean
}

interface AuditFacts extends AuditTimes {
  /** Since when the clock goes on behind entries of the future; null: there are none, or nothing was entered since. */
  readonly setBackMs: number | null
  readonly lastExport: AuditExport | null
  /** `audit.keep`; null: nothing is pruned by itself. */
  readonly keepDays: number | null
}

export const serverConditions = {
  'workers-end': {
    severity: 'warning',
    meaning:
      'Processes that serve KMIP (`server.workers`) end, or do not start. The others serve, and each one that ended is replaced.',
    action: 'Read the log of the server: it says why. Look at the memory of the machine, too.',
    find: ({ workers }) => (workers === null ? [] : workersEnd(workers)),
  },
  'connections-few': {
    severity: 'notice',
    meaning:
      'A process may have few files open here, and each connection is one. Mortise therefore holds fewer connections than it could, so that the database and the admin API go on working when all places are taken.',
    action:
      'Let the process open at least 16,384 files, then restart it: LimitNOFILE= in the unit, `--ulimit nofile=` of the container, `ulimit -n` in a shell.',
    find: ({ connections: { max, openFiles } }) =>
      max < connectionsMax
        ? [
            serverOccurrence(
              `at most ${max} KMIP clients can be connected: a process may have ${openFiles} files open`,
            ),
          ]
        : [],
  },
  'kmip-draft': {
    severity: 'notice',
    meaning: 'The server speaks a draft of KMIP (`kmip.drafts`), which is no standard and may still change.',
    action: 'For trials only. Take it out of kmip.drafts once they are over, and restart the server.',
    find: ({ drafts }) =>
      drafts.map((draft) => serverOccurrence(`the server speaks KMIP ${draft}, which is a draft`, draft)),
  },
  tampering: {
    severity: 'critical',
    meaning:
      'A person or another program changed the database without the server, or its disk is damaged: a row of trust does not count, a key does not open because its stored form was altered or because it was destroyed, or the list of destroyed keys is not whole.',
    action:
      'Find out who changed the database by hand, and check which clients and tokens there are. If old rows of a destroyed key were put back, destroy it again: its rows go then. docs/operate.md says what else to do.',
    find: ({ trust, marks, ...facts }) => [
      ...[...trust.alarms, ...marks].map((alarm) => serverOccurrence(alarm, alarm)),
      ...altered({ trust, marks, ...facts }),
    ],
  },
  'disk-low': {
    severity: 'warning',
    meaning: 'The disk of the data folder is nearly full. When it is full, no new key can be stored.',
    action: 'Make room on the disk of the data folder, or give it a larger one.',
    find: ({ freeBytes }) =>
      freeBytes < diskLowBytes
        ? [serverOccurrence(`the disk of the data folder has ${mebibytes(freeBytes)} MiB left`)]
        : [],
  },
  'clock-behind': {
    severity: 'critical',
    meaning: `The clock of this machine shows an earlier time than an audit entry has. Certificates, tokens and the dates of keys are judged by a wrong time, or were until the clock was set back, if that was in the last ${clockBehindToldDays} days.`,
    action: `Compare the clock of this machine with another one. If it is behind, set it (chrony, systemd-timesyncd). If it is right, it was ahead before: find out why. The condition ends by itself ${clockBehindToldDays} days after the clock was set back.`,
    find: ({ nowMs, audit: { newestMs, setBackMs } }) =>
      newestMs !== null &&
      nowMs < newestMs - clockBehindMs &&
      (setBackMs === null || nowMs - setBackMs < clockBehindToldDays * dayMs)
        ? [
            serverOccurrence(
              `the clock shows ${isoTime(nowMs)}, but the last audit entry is of ${isoTime(newestMs)}`,
            ),
          ]
        : [],
  },
  'database-unsafe': {
    severity: 'critical',
    meaning:
      'PostgreSQL is set so that it may lose keys that it has confirmed, when its machine fails or loses power.',
    action: 'Set fsync and full_page_writes to on, and restart PostgreSQL. See docs/postgresql.md.',
    find: ({ database }) =>
      database !== null && database.unsafe.length > 0
        ? [serverOccurrence(`the database may lose acknowledged keys: ${database.unsafe.join(', ')}`)]
        : [],
  },
  'database-unconfirmed': {
    severity: 'warning',
    meaning:
      'No replica of PostgreSQL confirms what is written. If a replica takes the place of the primary, it may lack keys that were acknowledged, and a node that still reaches the old primary does not notice.',
    action:
      'Set synchronous_standby_names (docs/postgresql.md). Where no replica ever takes the place of the primary, the backups protect the keys: keep them elsewhere.',
    find: ({ database }) =>
      database?.confirming === ''
        ? [
            serverOccurrence(
              'a failover of the database may lose acknowledged keys: no replica must confirm them',
            ),
          ]
        : [],
  },
  'database-failover-unproven': {
    severity: 'critical',
    meaning:
      'A replica of PostgreSQL took the place of the primary, no replica had to confirm commits before, and a node that was at work then has not come back. The keys that this node created last may be lost, and no other node can tell.',
    action: `Start that node again with its data folder: the condition ends if the database lacks nothing that the node knows of, and otherwise all nodes say so. After a power loss the node may not know of the last minute. If its data folder is lost, compare the keys that vCenter uses with those that are here (mortise inventory import, docs/inventory.md). The condition ends by itself ${failoverToldDays} days after the failover.`,
    find: ({ nowMs, database }) => (database?.unproven ?? []).flatMap((one) => unproven(nowMs, one)),
  },
  'database-replica-missing': {
    severity: 'critical',
    meaning:
      'No replica of PostgreSQL that must confirm each commit is connected to the primary. Changes wait, and after `server.leaseSeconds` no key is served.',
    action:
      'Bring the replica back, or take it out of synchronous_standby_names (docs/postgresql.md) and accept that a failover may lose keys.',
    find: ({ database }) =>
      database === null || database.unconfirmed === null
        ? []
        : [serverOccurrence(`the database cannot confirm changes: ${database.unconfirmed}`)],
  },
  'database-timeline-unknown': {
    severity: 'notice',
    meaning:
      'PostgreSQL does not tell this role on which timeline it is, so an old primary is known only by the commits that it lacks.',
    action:
      'Let the role of Mortise call pg_control_system(), pg_current_wal_insert_lsn() and pg_walfile_name(), if the service allows it.',
    find: ({ database }) =>
      database?.hasTimeline === false ? [serverOccurrence('the database does not tell its timeline')] : [],
  },
  'clock-differs': {
    severity: 'warning',
    meaning:
      'The clock of this machine differs from that of the database. Mortise goes by the clock of the database, so that all nodes judge dates alike; other programs here do not.',
    action: 'Set the clocks of this machine and of the database (chrony, systemd-timesyncd).',
    find: ({ database }) =>
      database !== null && Math.abs(database.behindMs) > clockDiffersMs ? [clockDiffers(database)] : [],
  },
  'audit-not-exported': {
    severity: 'notice',
    meaning: `The audit log was not exported for ${auditExportDays} days, and no SIEM gets it. It is nowhere but in the database.`,
    action: 'Export it to another machine: mortise audit export FILE. Do so regularly, from a timer.',
    find: notExported,
  },
  'audit-beyond-retention': {
    severity: 'warning',
    meaning:
      'The audit log holds entries that are older than `audit.keep` allows: pruning does not succeed, or the clock of the machine was set ahead or the server was off for long: then no entry goes by that clock for three days.',
    action:
      'Look at the clock, and read the log of the server: it says why pruning failed. By hand: mortise audit prune --before TIME.',
    find: ({ nowMs, audit: { oldestMs, keepDays } }) =>
      keepDays !== null && oldestMs !== null && nowMs - oldestMs > (keepDays + auditKeepSlackDays) * dayMs
        ? [
            serverOccurrence(
              `the audit log goes back to ${isoTime(oldestMs)}, and audit.keep is ${days(keepDays)}`,
            ),
          ]
        : [],
  },
} as const satisfies ConditionLines<ServerConditionFacts>

/** Each look at a disk takes a bounded time. */
export async function serverFacts(
  { about, machine, marks, notes, plugs, store, workers }: ServerNeeds,
  common: CommonFacts,
): Promise<ServerConditionFacts> {
  return {
    ...common,
    marks: marks.findings,
    audit: {
      ...(await store.auditTimes()),
      setBackMs: await store.auditSetBack(common.nowMs + clockBehindMs),
      lastExport: (await notes.read('audit-export')) ?? null,
      keepDays: machine.auditKeepDays(),
    },
    freeBytes: await machine.freeBytes(),
    database: await store.databaseFacts(),
    workers: workers(),
    drafts: about.drafts,
    connections: about.connections,
    isAuditKept: plugs.auditKeepers.targets.length > 0,
  }
}

export const serverState = conditionsAlone({
  conditions: serverConditions,
  facts: serverFacts,
})

function workersEnd({ intended: count, serving, endedLately, lastEnd }: WorkerFacts): readonly Occurrence[] {
  const minutes = workerEndsWithinMs / 60_000
  const last = lastEnd === null ? '' : `; the last one ended by ${lastEnd}`
  if (serving < count) return [serverOccurrence(`${serving} of ${count} workers serve${last}`)]
  return endedLately < workerEndsMax
    ? []
    : [serverOccurrence(`workers ended ${endedLately} times within ${minutes} minutes${last}`)]
}

function clockDiffers({ behindMs }: DatabaseFacts): Occurrence {
  const how = behindMs > 0 ? 'behind' : 'ahead of'
  const seconds = String(Math.round(Math.abs(behindMs) / 1000))
  return serverOccurrence(`the clock of this machine is ${seconds} s ${how} that of the database`)
}

function unproven(
  nowMs: number,
  { node, sinceMs }: DatabaseFacts['unproven'][number],
): readonly Occurrence[] {
  const agoMs = nowMs - sinceMs
  if (agoMs < failoverProveMs || agoMs > failoverToldDays * dayMs) return []
  const message = `the failover of the database at ${isoTime(sinceMs)} may have lost keys that the node ${node} created: it has not come back since`
  return [serverOccurrence(message, node)]
}

function altered({ trust: { tables }, readiness }: ServerConditionFacts): readonly Occurrence[] {
  const groups = Map.groupBy(readiness.altered, ({ instanceId, kind }) => JSON.stringify([instanceId, kind]))
  return [...groups.values()].flatMap((items): readonly Occurrence[] => {
    const [first] = items
    if (!first) return []
    const { instanceId, kind } = first
    const noun = kind === 'object' ? 'key' : kind
    const of = instanceId === null ? 'the server' : `the instance ${instanceName(tables, instanceId)}`
    const does = items.length === 1 ? 'does' : 'do'
    const atLeast = readiness.altered.length >= alteredItemsMax ? 'at least ' : ''
    const message = `${atLeast}${aOrMany(items.length, noun)} of ${of} ${does} not open: what is stored was altered or moved (${someOf(items)})`
    const action =
      'Find out who can write the database, or whether its disk is damaged. Restore what was altered from a backup. The condition stays until it opens again.'
    return [{ instanceId, about: kind, message, action }]
  })
}

function notExported({
  nowMs,
  audit: { oldestMs, lastExport },
  isAuditKept,
}: ServerConditionFacts): readonly Occurrence[] {
  if (isAuditKept) return []
  const isAhead = lastExport !== null && lastExport.atMs > nowMs + dayMs
  const sinceMs = isAhead ? oldestMs : (lastExport?.atMs ?? oldestMs)
  if (sinceMs === null || nowMs - sinceMs <= auditExportDays * dayMs) return []
  if (lastExport === null) return [serverOccurrence('the audit log was never exported')]
  const at = isoTime(lastExport.atMs)
  return isAhead
    ? [
        serverOccurrence(
          `the audit log was exported while the clock was ahead (${at}), so the server does not know when`,
        ),
      ]
    : [serverOccurrence(`the audit log was last exported on ${at}`)]
}

function mebibytes(bytes: number): string {
  return String(Math.floor(bytes / 1024 ** 2))
}
