// Backups, which the server makes in its own folder.

import {
  backupConditionFacts,
  backupConditions,
  backupGauges,
  backupMetrics,
  type BackupConditionFacts,
} from './conditions.ts'
import path from 'node:path'
import type { Secrets } from '../../core/sealing/secrets.ts'
import { feature } from '../../doors/http/feature.ts'
import { serverIdOf } from '../../host/server-id.ts'
import { storePlaceOf } from '../../host/store-place.ts'
import type { Config } from '../../outside/config/options.ts'
import { Backups, type BackupParts } from './backups.ts'
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
    copyKeys: () => backups.copyKeys(),
    backupStatus: ({ of }) => shownBackupStatus(of<BackupConditionFacts>(backupConditions).backups),
  }),
  conditions: backupConditions,
  facts: backupConditionFacts,
  metrics: backupMetrics,
  gauges: backupGauges,
  start: ({ backups, log }) => backups.start((error) => log.error({ error }, 'look whether a backup is due')),
})

/** Opens the backups of a server whose ports and core are there. They stop when `opened` is disposed. */
async function openBackups(
  parts: Pick<
    BackupParts,
    'store' | 'rootKey' | 'openRootKey' | 'version' | 'access' | 'audit' | 'clock' | 'leases' | 'log'
  > & {
    readonly secrets: Secrets
    readonly settings: { readonly now: Config }
  },
  opened: AsyncDisposableStack,
): Promise<Backups> {
  const { settings, secrets, ...rest } = parts
  const { server, backup } = settings.now
  const backups = new Backups({
    ...rest,
    storePlace: storePlaceOf(server),
    folder: backup.folder ?? path.join(server.data, 'backups'),
    serverId: await serverIdOf(secrets),
    settings: () => settings.now.backup,
  })
  opened.defer(() => backups.stop())
  return backups
}
