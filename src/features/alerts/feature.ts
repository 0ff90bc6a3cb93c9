// Alerts: sends conditions to people outside.

import { alertConditions, alertFacts } from './conditions.ts'
import { feature } from '../../doors/http/feature.ts'
import { openAlerting } from './alerting.ts'
import { alertHandlers } from './handlers.ts'
import { alertRoutes } from './routes.ts'

export const alerts = feature({
  routes: alertRoutes,
  handlers: alertHandlers,
  open: openAlerting,
  conditions: alertConditions,
  facts: ({ alerts }) => alertFacts(alerts),
  start: ({ start }) => start(),
})
