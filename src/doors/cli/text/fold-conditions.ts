// Conditions of one kind take one place in a text, so that a thousand certificates that expire do not bury something else. The console
// has rules of its own: it can show the others.

import type { Output } from '../../http/api.ts'

type Condition = Output<'status'>['conditions'][number]

/** So many of one kind are each shown. */
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
