// The conditions of what is closed: an administrator must know why no key is handed out, and that nothing is broken.

import type { CommonFacts } from '../../core/conditions/conditions.ts'
import { serverOccurrence, type ConditionLines } from '../../core/conditions/line.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { serverClosing } from '../../core/trust/closings.ts'
import type { InstanceClosing } from '../../core/trust/rows.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

const openServer = 'When the reason is gone: mortise server open'

export const closingConditions = {
  'server-closed': {
    severity: 'critical',
    meaning:
      'A manager closed the server: no key of any instance is used, and /health/ready answers 503. Nothing was destroyed.',
    action: openServer,
    find: ({ trust: { tables } }) => {
      const closing = serverClosing(tables.instance.values())
      return closing ? [serverOccurrence(`the server is closed ${shown(closing)}`)] : []
    },
  },
  'instance-closed': {
    severity: 'critical',
    meaning: 'A manager closed an instance: none of its keys is used. Nothing was destroyed.',
    action: 'When the reason is gone: mortise instance open NAME',
    find: ({ trust: { tables } }) =>
      [...tables.instance.values()].flatMap(({ id, name, closed }) =>
        closed
          ? [
              {
                instanceId: id,
                about: '',
                message: `the instance ${name} is closed ${shown(closed)}`,
                action: `When the reason is gone: mortise instance open ${shellWord(name)}`,
              },
            ]
          : [],
      ),
  },
} as const satisfies ConditionLines<CommonFacts>

function shown({ atMs, by, reason }: InstanceClosing): string {
  return `since ${isoTime(atMs)}, by ${by}: ${reason}`
}
