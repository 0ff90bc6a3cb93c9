// Examples of the routes about alerts, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import type { alertRoutes } from './routes.ts'

export const examples: Examples<typeof alertRoutes> = {
  listAlerts: {
    answer: {
      targets: ['slack hooks.slack.com (3f9a1c)', 'mail ops@example.com'],
      waiting: 0,
      undelivered: [
        {
          target: 'slack hooks.slack.com (3f9a1c)',
          condition: 'disk-low',
          event: 'begun',
          message: 'the disk of the data folder has 512 MiB left',
          at: '2026-09-12T08:30:00.000Z',
          why: 'it answered 404 Not Found',
          givenUp: '2026-09-12T08:30:01.000Z',
        },
      ],
    },
  },
  testAlerts: {
    answer: {
      tried: [
        { target: 'slack hooks.slack.com (3f9a1c)', problem: null },
        { target: 'mail ops@example.com', problem: 'name the mail server in alerts.smtp' },
      ],
    },
  },
}
