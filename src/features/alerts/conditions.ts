// Conditions of the alerts themselves.

import { serverOccurrence, type ConditionLines, type Occurrence } from '../../core/conditions/line.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import type { AlertAdministration } from './port.ts'

export interface AlertFacts {
  /** Why alerts cannot be sent; null: the file of targets can be read. */
  readonly trouble: string | null
  /** Targets that did not take an alert, and have taken none since. */
  readonly silent: AlertAdministration['silent']
}

export const alertConditions = {
  'alerts-silent': {
    severity: 'warning',
    meaning:
      'Alerts do not arrive: the file that `alerts.targetsFile` names cannot be read, or a target did not take an alert, and has taken none since.',
    action:
      'Correct the file or the target, and try it: mortise alert test. The condition stays until the target takes something, or is taken out of the file. mortise alert list shows what was not delivered.',
    find: alertsSilent,
  },
} as const satisfies ConditionLines<AlertFacts>

function alertsSilent({ trouble, silent }: AlertFacts): readonly Occurrence[] {
  if (trouble !== null) return [serverOccurrence(`no alert is sent: ${trouble}`)]
  return silent.map(({ target, why, atMs }) =>
    serverOccurrence(`${target} did not take an alert, given up at ${isoTime(atMs)}: ${why}`, target),
  )
}

export async function alertFacts(
  alerts: Pick<AlertAdministration, 'targets' | 'silent'>,
): Promise<AlertFacts> {
  try {
    const named = new Set((await alerts.targets()).map(({ name }) => name))
    return { trouble: null, silent: alerts.silent.filter(({ target }) => named.has(target)) }
  } catch (error) {
    return { trouble: error instanceof Error ? error.message : String(error), silent: [] }
  }
}
