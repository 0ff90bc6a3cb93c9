// Alerts: who gets them, what could not be delivered, and a test.

import type { Alerting } from './alerting.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { alertRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

export const alertHandlers = {
  listAlerts: async ({ alerts }) => ({
    targets: (await targetsOf(alerts)).map(({ name }) => name),
    waiting: alerts.waiting,
    undelivered: alerts.undelivered.map(({ target, alert, why, atMs }) => ({
      target,
      condition: alert.id,
      event: alert.event,
      message: alert.message,
      at: isoTime(alert.atMs),
      why,
      givenUp: isoTime(atMs),
    })),
  }),

  testAlerts: async ({ alerts, audit }, { asker }) => {
    if ((await targetsOf(alerts)).length === 0)
      throw new Refusal(
        'refused',
        'no target is named, so no alert is sent',
        'Name a file in alerts.targetsFile, with a line for each receiver (docs/alerts.md), and restart the server.',
      )
    const { actor, requestId } = asker
    const about = { result: 'success', instanceId: null, object: null, reason: null, detail: null } as const
    await audit.enter({ action: 'alert.test', actor, requestId, ...about })
    return { tried: [...(await alerts.test())] }
  },
} satisfies Handlers<typeof alertRoutes, Alerting>

async function targetsOf(alerts: Alerting['alerts']) {
  try {
    return await alerts.targets()
  } catch (error) {
    throw new Refusal(
      'refused',
      error instanceof Error ? error.message : String(error),
      'Correct the file that alerts.targetsFile names. It is read again each time.',
    )
  }
}
