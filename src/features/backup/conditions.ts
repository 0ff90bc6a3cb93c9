// Conditions of the backups: they fail, are too old, or none was verified.

import { gauge } from '../../base/metric.ts'
import type { MetricsOf } from '../../outside/telemetry/metric-table.ts'
import { counted } from '../../base/text/counted.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import type { CommonFacts } from '../../core/conditions/conditions.ts'
import type { Store } from '../../core/ports/store.ts'
import type { BackupAdministration, BackupFacts } from './port.ts'
import { dayMs, serverOccurrence, type ConditionLines } from '../../core/conditions/line.ts'

/** A backup should be verified this often. */
const backupVerifyDays = 30

export interface BackupConditionFacts extends CommonFacts {
  readonly backups: BackupFacts
  /** The time of the first entry of the audit log; null: it is empty. */
  readonly auditOldestMs: number | null
}

export const backupConditions = {
  'backup-folder-silent': {
    severity: 'critical',
    meaning:
      'The folder of the backups does not answer, as when its network disk is gone, or cannot be read. No backup can be made, and what is said of backups is what was known last.',
    action:
      'Look at the mount of backup.folder and its rights, and bring its server back; or name another folder and restart.',
    find: ({ backups: { folderTrouble, keysAtRisk } }) =>
      folderTrouble === null ? [] : [serverOccurrence(`${folderTrouble}; ${risk(keysAtRisk)}`)],
  },
  'backup-failed': {
    severity: 'critical',
    meaning:
      'The last backup failed, or the command that copies it elsewhere did. The last good backup is kept, and the server tries again by itself.',
    action: 'Remove the cause that the message names, then try at once: mortise backup create',
    find: ({ backups: { failure, keysAtRisk } }) =>
      failure
        ? [
            serverOccurrence(
              `the last backup failed at ${isoTime(failure.atMs)}: ${failure.message}; ${risk(keysAtRisk)}`,
            ),
          ]
        : [],
  },
  'backup-too-old': {
    severity: 'critical',
    meaning:
      'The schedule calls for a newer backup than there is. A lost disk would lose the keys made since.',
    action: 'Make one: mortise backup create. The log says why none was made.',
    find: ({ backups: { failure, tooOld, last, folder, keysAtRisk } }) => {
      if (failure || !tooOld) return []
      const age = last ? `is of ${isoTime(last.createdMs)}` : 'was never made'
      return [serverOccurrence(`the last backup in ${folder} ${age}; ${risk(keysAtRisk)}`)]
    },
  },
  'backup-unverified': {
    severity: 'notice',
    meaning: `No backup was verified for ${backupVerifyDays} days. Only a backup that was opened is known to open.`,
    action:
      'Verify one: mortise backup verify FILE. Better still, start a server on one: mortise backup drill FILE',
    find: ({ nowMs, backups: { last, verifiedMs }, auditOldestMs: oldestMs }) => {
      const sinceMs = verifiedMs ?? oldestMs ?? nowMs
      if (!last || nowMs - sinceMs <= backupVerifyDays * dayMs) return []
      return [
        serverOccurrence(
          verifiedMs === null
            ? 'no backup was ever verified'
            : `no backup was verified since ${isoTime(verifiedMs)}`,
        ),
      ]
    },
  },
} as const satisfies ConditionLines<BackupConditionFacts>

function risk(keysAtRisk: number): string {
  return `${counted(keysAtRisk, 'key is', 'keys are')} in no backup`
}

export async function backupConditionFacts(
  {
    backups,
    store,
  }: { readonly backups: Pick<BackupAdministration, 'facts'>; readonly store: Pick<Store, 'auditTimes'> },
  common: CommonFacts,
): Promise<BackupConditionFacts> {
  return { ...common, backups: await backups.facts(), auditOldestMs: (await store.auditTimes()).oldestMs }
}

export const backupMetrics = {
  backupLastSuccess: gauge(
    'backup_last_success_timestamp_seconds',
    'When the last backup was made, in seconds since 1970; 0: there is none.',
  ),
  backupSize: gauge('backup_size_bytes', 'Size of the last backup.'),
  backupFailed: gauge('backup_failed', 'Whether the last backup failed (1) or not (0).'),
  keysAtRisk: gauge('keys_at_risk', 'Keys and other objects that are in no backup.'),
  keysOnlyHere: gauge(
    'keys_only_here',
    'Keys and other objects in no backup that the command backup.after copied elsewhere.',
  ),
}

export function backupGauges(
  { backups }: BackupConditionFacts,
  gauges: MetricsOf<typeof backupMetrics>,
): void {
  const { last, failure, keysAtRisk, keysOnlyHere } = backups
  gauges.backupLastSuccess.set(last ? last.createdMs / 1000 : 0)
  gauges.backupSize.set(last?.bytes ?? 0)
  gauges.backupFailed.set(failure ? 1 : 0)
  gauges.keysAtRisk.set(keysAtRisk)
  gauges.keysOnlyHere.set(keysOnlyHere)
}
