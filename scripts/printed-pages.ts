// The pages of docs/ that are printed from tables in the source, each with what prints it. `npm run docs` writes them;
// test/docs-commands.test.ts fails when one is not current.

import { adminApiPage } from './print-admin-api.ts'
import { auditActionsPage } from './print-audit-actions.ts'
import { clientsPage } from './print-clients.ts'
import { conditionsPage } from './print-conditions.ts'
import { configurationPage } from './print-configuration.ts'
import { conformancePage } from './print-conformance.ts'
import { dashboard } from './print-dashboard.ts'
import { monitoringPage } from './print-monitoring.ts'

export const printedPages: Readonly<Record<string, () => Promise<string>>> = {
  'docs/admin-api.md': adminApiPage,
  'docs/audit-actions.md': auditActionsPage,
  'docs/clients.md': clientsPage,
  'docs/conditions.md': conditionsPage,
  'docs/configuration.md': configurationPage,
  'docs/kmip-conformance.md': conformancePage,
  'docs/monitoring.md': monitoringPage,
  'docs/mortise-dashboard.json': dashboard,
}
