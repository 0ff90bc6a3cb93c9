// The parts of the server that backups need.

import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { Store } from '../../core/ports/store.ts'
import type { Settings } from '../../host/settings.ts'
import type { BackupParts, Backups } from './backups.ts'

export interface Needs extends Pick<
  BackupParts,
  'rootKey' | 'openRootKey' | 'version' | 'access' | 'clock' | 'leases' | 'log'
> {
  readonly audit: Audit
  readonly secrets: Secrets
  readonly settings: Pick<Settings, 'now'>
  readonly store: BackupParts['store'] & Pick<Store, 'auditTimes'>
}

/** The service that the handlers work with. */
export interface BackupService extends Pick<Needs, 'audit' | 'log' | 'store'> {
  readonly backups: Backups
}
