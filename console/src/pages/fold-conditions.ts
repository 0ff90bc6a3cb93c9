// Conditions of one kind take one place on the page, so that a thousand certificates that expire do not bury something else.

import type { Status } from './sentence.ts'

type Condition = Status['conditions'][number]
type Group = readonly [Condition, ...Condition[]]

/** So many of one kind stand for themselves. */
const fewMax = 3

/** In the order of the first of each kind. `placeOf`: the page where one is ended, if there is one. */
export function foldConditions(
  conditions: readonly Condition[],
  placeOf: (condition: Condition) => string | undefined,
): readonly Group[] {
  const kinds = new Map<string, [Condition, ...Condition[]]>()
  for (const one of conditions) {
    const kind = JSON.stringify([one.id, one.severity, one.action, placeOf(one)])
    const others = kinds.get(kind)
    if (others) others.push(one)
    else kinds.set(kind, [one])
  }
  return [...kinds.values()].flatMap((kind): readonly Group[] =>
    kind.length > fewMax ? [kind] : kind.map((one): Group => [one]),
  )
}
