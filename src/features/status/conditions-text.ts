// Conditions in few lines: those of one kind take one place in a text, so that a thousand certificates that expire do not bury something
// else (the console has rules of its own: it can show the others), and the state of the server in the form of a Nagios plugin: one line
// with performance data, and its exit code (https://nagios-plugins.org/doc/guidelines.html).

import type { Output } from '../../doors/http/route.ts'
import { visible } from '../../doors/cli/text/output.ts'
import type { statusRoutes } from './routes.ts'

type Condition = Output<typeof statusRoutes.status>['conditions'][number]

/** The most conditions of one kind that are each shown. */
const fewMax = 10

export interface FoldedCondition extends Condition {
  /** How many others are of its kind. */
  readonly more: number
}

/** In the order of the first of each kind. */
export function foldConditions(conditions: readonly Condition[]): readonly FoldedCondition[] {
  const kinds = Map.groupBy(conditions, ({ id, severity, action }) => JSON.stringify([id, severity, action]))
  return [...kinds.values()].flatMap((kind) =>
    kind.length > fewMax
      ? kind.slice(0, 1).map((first) => ({ ...first, more: kind.length - 1 }))
      : kind.map((one) => ({ ...one, more: 0 })),
  )
}

export interface NagiosOutcome {
  readonly line: string
  readonly exitCode: 0 | 1 | 2 | 3
}

/** Notices do not raise the state: they are no problem. */
export function nagiosOutcome({
  conditions,
}: Pick<Output<typeof statusRoutes.status>, 'conditions'>): NagiosOutcome {
  const of = (level: string) => conditions.filter(({ severity }) => severity === level)
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
