// The options of alerts, a section of mortise.toml.

import { z } from 'zod'
import { option } from '../../base/option.ts'
import { filePath } from '../../outside/config/schemas.ts'

export const alertOptions = {
  alerts: {
    targetsFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_ALERTS_TARGETS_FILE',
      secret: true,
      text: 'A file that names who is alerted when a condition begins or ends: lines such as "slack URL", "teams URL", "pagerduty KEY", "json URL" or "mail ADDRESS".',
      reason:
        'Empty: the server alerts no target. A file of its own, since addresses of Slack, Teams and PagerDuty are secrets. Read each time.',
    }),
    severity: option({
      schema: z.enum(['critical', 'warning', 'notice']),
      initial: 'warning',
      variable: 'MORTISE_ALERTS_SEVERITY',
      live: true,
      text: 'The least severity of the conditions that the server alerts about.',
      reason:
        'Notices are for administrators who look at the status. docs/conditions.md says which condition is which.',
    }),
    signingKeyFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_ALERTS_SIGNING_KEY_FILE',
      secret: true,
      text: 'A file whose first line is the key of the HMAC in the header Mortise-Signature, for "json" targets.',
      reason: 'Empty: not signed. With it the receiver knows that an alert is from here.',
    }),
    smtp: option({
      schema: z.union([
        z.literal(''),
        z.url({ protocol: /^smtps?$/, error: 'must be a URL such as smtps://mortise@mail.example.com' }),
      ]),
      initial: '',
      variable: 'MORTISE_ALERTS_SMTP',
      text: 'The mail server for "mail" targets: smtps://[USER@]HOST[:PORT], or smtp:// with STARTTLS where the server has it.',
      reason:
        'Empty: no mail. With a user, smtp:// insists on STARTTLS, so that no password crosses the network in the clear.',
    }),
    smtpPasswordFile: option({
      schema: filePath(),
      initial: '',
      variable: 'MORTISE_ALERTS_SMTP_PASSWORD_FILE',
      secret: true,
      text: 'A file whose first line is the password of that user.',
      reason: 'Empty: none. Read for each mail.',
    }),
    from: option({
      schema: z.string().max(320),
      initial: '',
      variable: 'MORTISE_ALERTS_FROM',
      text: 'The sender of mail.',
      reason: 'Empty: mortise@ and the name of this machine.',
    }),
  },
} as const
