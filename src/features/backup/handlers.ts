// Backups: made, listed, and handed out as they are.

import type { BackupFacts, BackupShown } from './port.ts'
import type { BackupService } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { backupRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

export const backupHandlers = {
  createBackup: async ({ backups }, { asker, body }) =>
    shownBackup(await backups.create(asker.by, body.recipients)),

  listBackups: async ({ backups }) => ({
    backups: (await backups.list()).map(shownBackup),
    status: shownBackupStatus(await backups.facts()),
  }),

  readBackup: async ({ backups, audit }, { asker, params }) => {
    const content = await backups.read(params.backup)
    if (!content) throw noBackup(params.backup)
    const { actor, requestId } = asker
    const about = { result: 'success', instanceId: null, reason: null, detail: null } as const
    await audit.enter({ action: 'backup.read', object: params.backup, actor, requestId, ...about })
    return content
  },

  noteBackupVerified: async ({ backups }, { asker, params }) => {
    if (!(await backups.noteVerified(asker.by, params.backup))) throw noBackup(params.backup)
    return { id: params.backup }
  },
} satisfies Handlers<typeof backupRoutes, BackupService>

function noBackup(id: string): Refusal {
  return new Refusal('not-found', `there is no backup ${id}`, 'List them: mortise backup list')
}

function shownBackup({ createdMs, rootKeys, recipients, ...backup }: BackupShown) {
  return {
    ...backup,
    created: isoTime(createdMs),
    rootKeys: [...rootKeys],
    recipients: [...recipients],
  }
}

export function shownBackupStatus(facts: BackupFacts) {
  const { last, failure, verifiedMs } = facts
  return {
    ...facts,
    last: last && shownBackup(last),
    failure: failure && { at: isoTime(failure.atMs), message: failure.message },
    running: facts.running && { ...facts.running },
    verified: isoTimeOrNull(verifiedMs),
  }
}
