// The handlers of all routes. A route without a handler, or a handler with a wrong answer, does not compile.

import type { RouteName } from './api.ts'
import type { Handlers } from './context.ts'
import { adoptionHandlers } from './routes/adoptions.ts'
import { alertHandlers } from './routes/alerts.ts'
import { approvalHandlers } from './routes/approvals.ts'
import { auditHandlers } from './routes/audit.ts'
import { backupRestoreHandlers } from './routes/backup-restores.ts'
import { backupHandlers } from './routes/backups.ts'
import { clientHandlers } from './routes/clients.ts'
import { healthHandlers } from './routes/health.ts'
import { instanceWorkHandlers } from './routes/instance-work.ts'
import { instanceHandlers } from './routes/instances.ts'
import { inventoryHandlers } from './routes/inventory.ts'
import { loginHandlers } from './routes/logins.ts'
import { keyExportHandlers } from './routes/key-exports.ts'
import { keyHandlers } from './routes/keys.ts'
import { objectRuleHandlers } from './routes/object-rules.ts'
import { pendingHandlers } from './routes/pending.ts'
import { restoreHandlers } from './routes/restores.ts'
import { rootKeyCopyHandlers } from './routes/root-key-copies.ts'
import { tokenRecoveryHandlers } from './routes/token-recovery.ts'
import { rootKeyHandlers } from './routes/root-keys.ts'
import { statusHandlers } from './routes/status.ts'
import { sessionHandlers } from './routes/sessions.ts'
import { siemHandlers } from './routes/siem.ts'
import { tokenHandlers } from './routes/tokens.ts'
import { upstreamHandlers } from './routes/upstreams.ts'
import { reloadHandlers } from './routes/reload.ts'
import { serverCertificateHandlers } from './routes/server-certificate.ts'

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
