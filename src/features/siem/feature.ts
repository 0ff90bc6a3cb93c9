// Targets outside that get the audit log.

import { siemConditions, siemGauges, type SiemFacts } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { siemHandlers } from './handlers.ts'
import { siemMetrics } from './metrics.ts'
import { openSiem } from './open-siem.ts'
import { siemRoutes } from './routes.ts'

export const siem = feature({
  routes: siemRoutes,
  handlers: siemHandlers,
  open: openSiem,
  plugs: ({ siem }) => ({ auditKeepers: siem }),
  conditions: siemConditions,
  facts: async ({ siem }, common): Promise<SiemFacts> => ({ ...common, siem: await siem.facts() }),
  metrics: siemMetrics,
  gauges: siemGauges,
})
