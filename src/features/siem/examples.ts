// Examples of the routes about targets of the audit log, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import type { siemRoutes } from './routes.ts'

export const examples: Examples<typeof siemRoutes> = {
  showSiem: {
    answer: {
      targets: [
        { kind: 'syslog', target: 'tls://siem.example:6514', behindSince: null, trouble: null },
        {
          kind: 'file',
          target: '/var/log/mortise/audit.jsonl',
          behindSince: '2026-09-12T08:30:00.000Z',
          trouble:
            "the user that runs Mortise may not write it (EACCES: permission denied, open '/var/log/mortise/audit.jsonl')",
        },
      ],
    },
  },
  testSiem: { answer: { at: '2026-09-12T08:30:00.000Z' } },
}
