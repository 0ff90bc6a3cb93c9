// A backup may need a second person, and one for recipients lets keys leave.

import type { Guards } from '../../doors/http/feature.ts'
import { serverReach } from '../../doors/http/guard.ts'
import type { BackupService } from './needs.ts'
import type { backupRoutes } from './routes.ts'
import { shownRecipients } from '../../core/sealing/for-recipients.ts'

export const guards: Guards<typeof backupRoutes, BackupService> = {
  createBackup: {
    acts: ({ body }) => (body.recipients.length > 0 ? ['backup create', 'key export'] : ['backup create']),
    reach: serverReach,
    facts: async (_context, { body }) => {
      const shown = await shownRecipients(body.recipients)
      return { 'Who can open it without the root keys': shown.join(', ') || 'nobody' }
    },
    isLong: true,
  },
}
