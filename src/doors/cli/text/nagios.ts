// The state of the server in the form of a Nagios plugin: one line with performance data, and its exit code
// (https://nagios-plugins.org/doc/guidelines.html). Notices do not raise the state: they are no problem.

import type { Output } from '../../http/api.ts'
import { foldConditions, type FoldedCondition } from './fold-conditions.ts'
import { visible } from './output.ts'

export interface NagiosOutcome {
  readonly line: string
  readonly exitCode: 0 | 1 | 2 | 3
}

export function nagiosOutcome({ conditions }: Pick<Output<'status'>, 'conditions'>): NagiosOutcome {
  const of = (wanted: string) => conditions.filter(({ severity }) => severity === wanted)
  const [critical, warning, notice] = [of('critical'), of('warning'), of('notice')]
  const [word, exitCode, shown] =
    critical.length > 0
      ? (['CRITICAL', 2, critical] as const)
      : warning.length > 0
        ? (['WARNING', 1, warning] as const)
        : (['OK', 0, notice] as const)
  const text = shown.length === 0 ? 'nothing needs you' : foldConditions(shown).map(messageText).join('; ')
  const data = `critical=${critical.length} warning=${warning.length} notice=${notice.length}`
  return { line: `MORTISE ${word} - ${oneLine(text)} | ${data}`, exitCode }
}

function messageText({ message, more }: FoldedCondition): string {
  return more === 0 ? message : `${message} (and ${more} more of this kind)`
}

export function nagiosUnknown(error: unknown): NagiosOutcome {
  const text = error instanceof Error ? error.message : String(error)
  return { line: `MORTISE UNKNOWN - ${oneLine(text)}`, exitCode: 3 }
}

/** A bar would begin the performance data. */
function oneLine(text: string): string {
  return visible(text.replaceAll(/\s+/g, ' ').replaceAll('|', '/'))
}
