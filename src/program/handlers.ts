// The handlers of all routes. A route without a handler, or a handler with a wrong answer, does not compile.

import type { RouteName } from '../doors/http/api.ts'
import type { Handlers } from '../doors/http/context.ts'
import { adoptionHandlers } from '../features/adopt/handlers.ts'
import { alertHandlers } from '../features/alerts/handlers.ts'
import { approvalHandlers } from '../features/approvals/handlers.ts'
import { auditHandlers } from '../features/audit/handlers.ts'
import { backupHandlers } from '../features/backup/handlers.ts'
import { clientHandlers } from '../features/clients/handlers.ts'
import { healthHandlers } from '../features/status/health-handlers.ts'
import { instanceWorkHandlers } from '../features/instances/work-handlers.ts'
import { instanceHandlers } from '../features/instances/handlers.ts'
import { inventoryHandlers } from '../features/inventory/handlers.ts'
import { loginHandlers } from '../features/login/handlers.ts'
import { oneWayHandlers } from '../features/instances/one-way-handlers.ts'
import { keyExportHandlers } from '../features/key-export/handlers.ts'
import { keyHandlers } from '../features/keys/handlers.ts'
import { objectRuleHandlers } from '../features/instances/object-rule-handlers.ts'
import { pendingHandlers } from '../features/clients/pending-handlers.ts'
import { restoreHandlers } from '../features/restore/handlers.ts'
import { rootKeyCopyHandlers } from '../features/root-keys/copies-handlers.ts'
import { tokenRecoveryHandlers } from '../features/tokens/recovery-handlers.ts'
import { rootKeyHandlers } from '../features/root-keys/handlers.ts'
import { statusHandlers } from '../features/status/handlers.ts'
import { sessionHandlers } from '../features/login/session-handlers.ts'
import { siemHandlers } from '../features/siem/handlers.ts'
import { tokenHandlers } from '../features/tokens/handlers.ts'
import { upstreamHandlers } from '../features/adopt/upstream-handlers.ts'
import { reloadHandlers } from '../features/status/reload-handlers.ts'
import { serverCertificateHandlers } from '../features/certificates/handlers.ts'

export const handlers: Handlers<RouteName> = {
  ...healthHandlers,
  ...instanceHandlers,
  ...instanceWorkHandlers,
  ...rootKeyHandlers,
  ...backupHandlers,
  ...rootKeyCopyHandlers,
  ...tokenRecoveryHandlers,
  ...restoreHandlers,
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
