// The admin API as data: one table, with a file for each noun. It states the role, scope and schemas of each route. The server
// (server.ts), the typed client (client.ts), /api/openapi.json and the tests derive from it. The server removes every field that
// these schemas do not name from an answer, so a token's hash or sealed material cannot leak.

import type { Checked as CheckedOf, Input as InputOf, Output as OutputOf } from './route.ts'
import { adoptionRoutes } from './adoption-routes.ts'
import { alertRoutes } from './alert-routes.ts'
import { approvalRoutes } from './approval-routes.ts'
import { auditRoutes } from './audit-routes.ts'
import { backupRestoreRoutes } from './backup-restore-routes.ts'
import { backupRoutes } from './backup-routes.ts'
import { clientRoutes } from './client-routes.ts'
import { instanceRoutes } from './instance-routes.ts'
import { inventoryRoutes } from './inventory-routes.ts'
import { keyExportRoutes } from './key-export-routes.ts'
import { keyRoutes } from './key-routes.ts'
import { loginRoutes } from './login-routes.ts'
import { leftStandardKeyRoutes } from './left-standard-key-routes.ts'
import { objectRuleRoutes } from './object-rule-routes.ts'
import { restoreRoutes } from './restore-routes.ts'
import { rootKeyCopyRoutes } from './root-key-copy-routes.ts'
import { serverRoutes } from './server-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { siemRoutes } from './siem-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { tokenRoutes } from './token-routes.ts'
import { upstreamRoutes } from './upstream-routes.ts'

export const routes = {
  ...statusRoutes,
  ...instanceRoutes,
  ...clientRoutes,
  ...tokenRoutes,
  ...keyRoutes,
  ...auditRoutes,
  ...backupRoutes,
  ...restoreRoutes,
  ...backupRestoreRoutes,
  ...rootKeyCopyRoutes,
  ...leftStandardKeyRoutes,
  ...adoptionRoutes,
  ...inventoryRoutes,
  ...keyExportRoutes,
  ...upstreamRoutes,
  ...objectRuleRoutes,
  ...siemRoutes,
  ...alertRoutes,
  ...approvalRoutes,
  ...serverRoutes,
  ...sessionRoutes,
  ...loginRoutes,
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Checked<N extends RouteName> = CheckedOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>
