// The admin API as data: one table, with a file for each noun. It states the role, scope and schemas of each route. The server
// (server.ts), the typed client (client.ts), /api/openapi.json and the tests derive from it. The server removes every field that
// these schemas do not name from an answer, so a token's hash or sealed material cannot leak.

import type { Input as InputOf, Output as OutputOf } from '../doors/http/route.ts'
import { adoptionRoutes } from '../features/adopt/routes.ts'
import { alertRoutes } from '../features/alerts/routes.ts'
import { approvalRoutes } from '../features/approvals/routes.ts'
import { auditRoutes } from '../features/audit/routes.ts'
import { backupRoutes } from '../features/backup/routes.ts'
import { clientRoutes } from '../features/clients/routes.ts'
import { instanceRoutes } from '../features/instances/routes.ts'
import { inventoryRoutes } from '../features/inventory/routes.ts'
import { keyExportRoutes } from '../features/key-export/routes.ts'
import { keyRoutes } from '../features/keys/routes.ts'
import { loginRoutes } from '../features/login/routes.ts'
import { objectRuleRoutes } from '../features/instances/object-rule-routes.ts'
import { restoreRoutes } from '../features/restore/routes.ts'
import { rootKeyRoutes } from '../features/root-keys/routes.ts'
import { certificateRoutes } from '../features/certificates/routes.ts'
import { sessionRoutes } from '../features/login/session-routes.ts'
import { siemRoutes } from '../features/siem/routes.ts'
import { statusRoutes } from '../features/status/routes.ts'
import { tokenRoutes } from '../features/tokens/routes.ts'
import { upstreamRoutes } from '../features/adopt/upstream-routes.ts'

export const routes = {
  ...statusRoutes,
  ...instanceRoutes,
  ...clientRoutes,
  ...tokenRoutes,
  ...keyRoutes,
  ...auditRoutes,
  ...backupRoutes,
  ...restoreRoutes,
  ...rootKeyRoutes,
  ...adoptionRoutes,
  ...inventoryRoutes,
  ...keyExportRoutes,
  ...upstreamRoutes,
  ...objectRuleRoutes,
  ...siemRoutes,
  ...alertRoutes,
  ...approvalRoutes,
  ...certificateRoutes,
  ...sessionRoutes,
  ...loginRoutes,
} as const

export type Routes = typeof routes
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>
