// The handlers of all routes. A route without a handler, or a handler with a wrong answer, does not compile.

import type { RouteName } from './api/api.ts'
import type { Handlers } from './context.ts'
import { adoptionHandlers } from './handlers/adoptions.ts'
import { alertHandlers } from './handlers/alerts.ts'
import { approvalHandlers } from './handlers/approvals.ts'
import { auditHandlers } from './handlers/audit.ts'
import { backupRestoreHandlers } from './handlers/backup-restores.ts'
import { backupHandlers } from './handlers/backups.ts'
import { clientHandlers } from './handlers/clients.ts'
import { healthHandlers } from './handlers/health.ts'
import { instanceWorkHandlers } from './handlers/instance-work.ts'
import { instanceHandlers } from './handlers/instances.ts'
import { inventoryHandlers } from './handlers/inventory.ts'
import { loginHandlers } from './handlers/logins.ts'
import { oneWayHandlers } from './handlers/one-way.ts'
import { keyExportHandlers } from './handlers/key-exports.ts'
import { keyHandlers } from './handlers/keys.ts'
import { objectRuleHandlers } from './handlers/object-rules.ts'
import { pendingHandlers } from './handlers/pending.ts'
import { restoreHandlers } from './handlers/restores.ts'
import { rootKeyCopyHandlers } from './handlers/root-key-copies.ts'
import { tokenRecoveryHandlers } from './handlers/token-recovery.ts'
import { rootKeyHandlers } from './handlers/root-keys.ts'
import { statusHandlers } from './handlers/status.ts'
import { sessionHandlers } from './handlers/sessions.ts'
import { siemHandlers } from './handlers/siem.ts'
import { tokenHandlers } from './handlers/tokens.ts'
import { upstreamHandlers } from './handlers/upstreams.ts'
import { reloadHandlers } from './handlers/reload.ts'
import { serverCertificateHandlers } from './handlers/server-certificate.ts'

export const handlers: Handlers<RouteName> = {
  ...healthHandlers,
  ...instanceHandlers,
  ...instanceWorkHandlers,
  ...rootKeyHandlers,
  ...backupHandlers,
  ...rootKeyCopyHandlers,
  ...tokenRecoveryHandlers,
  ...restoreHandlers,
  ...backupRestoreHandlers,
  ...adoptionHandlers,
  ...inventoryHandlers,
  ...upstreamHandlers,
  ...objectRuleHandlers,
  ...clientHandlers,
  ...pendingHandlers,
  ...keyHandlers,
  ...oneWayHandlers,
  ...keyExportHandlers,
  ...auditHandlers,
  ...siemHandlers,
  ...alertHandlers,
  ...tokenHandlers,
  ...approvalHandlers,
  ...sessionHandlers,
  ...loginHandlers,
  ...statusHandlers,
  ...serverCertificateHandlers,
  ...reloadHandlers,
}
