// Backups, which the server makes in its own folder.

import {
  backupConditionFacts,
  backupConditions,
  backupGauges,
  backupMetrics,
  type BackupConditionFacts,
} from './conditions.ts'
import { openBackups } from './backups.ts'
import { feature } from '../../doors/http/feature.ts'
import { guards } from './guards.ts'
import { backupHandlers, shownBackupStatus } from './handlers.ts'
import type { BackupService, Needs } from './needs.ts'
import { backupRoutes } from './routes.ts'

export const backup = feature({
  routes: backupRoutes,
  handlers: backupHandlers,
  open: async (needs: Needs, opened: AsyncDisposableStack): Promise<BackupService> => {
    const { audit, log, store } = needs
    return { audit, log, store, backups: await openBackups(needs, opened) }
  },
  guards,
  plugs: ({ backups }) => ({
    unusedWarnings: () => backups.warningsForUnused(),
    backupStatus: ({ of }) => shownBackupStatus(of<BackupConditionFacts>(backupConditions).backups),
  }),
  conditions: backupConditions,
  facts: backupConditionFacts,
  metrics: backupMetrics,
  gauges: backupGauges,
  start: ({ backups, log }) => backups.start((error) => log.error({ error }, 'look whether a backup is due')),
})
