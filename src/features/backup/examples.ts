// Examples of the routes about backups, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { backupSample as backup, backupStatusSample } from '../../doors/http/samples.ts'
import type { backupRoutes } from './routes.ts'

export const examples: Examples<typeof backupRoutes> = {
  createBackup: { body: { recipients: [] }, answer: { ...backup, elsewhere: false } },
  listBackups: { answer: { backups: [backup], status: backupStatusSample } },
  readBackup: { answer: 'mortise backup 1\n...' },
  noteBackupVerified: { answer: { id: backup.id } },
}
