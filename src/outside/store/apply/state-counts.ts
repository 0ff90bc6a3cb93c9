// How many objects are in each state at a given time, calculated from counts: objects by stored state, and the times at which the
// clock changes an object's state. Those times are counted by day, hour and second, so that summing a million of them takes a
// millisecond.

import type { ClockSteps } from '../../../core/ports/objects.ts'
import { numberIn, textIn } from '../row.ts'
import { all, type Steps } from '../steps.ts'

const [day, hour, second] = [86_400, 3_600, 1]

interface CountedStep {
  /** The length of the unit, in seconds. */
  readonly unit: number
  /** The number of the unit since 1970. */
  readonly at: number
  readonly step: 'activate' | 'deactivate'
}

/** Each step that the clock brings for one object, once for the day, once for the hour and once for the second. */
export function stepsOf({ activates, deactivates }: ClockSteps): readonly CountedStep[] {
  const of = (step: CountedStep['step'], seconds: number | null): readonly CountedStep[] =>
    seconds === null
      ? []
      : [day, hour, second].map((unit) => ({ unit, at: Math.floor(seconds / unit), step }))
  return [...of('activate', activates), ...of('deactivate', deactivates)]
}

export function* countStates(instanceId: string, nowMs: number): Steps<Readonly<Record<string, number>>> {
  const nextSecond = Math.floor(nowMs / 1000) + 1
  const today = Math.floor(nextSecond / day)
  const thisHour = Math.floor(nextSecond / hour)
  const ranges = [
    [0, today],
    [(today * day) / hour, thisHour],
    [thisHour * hour, nextSecond],
  ] as const
  const rows = yield* all('objectCounts', instanceId, ...ranges.flatMap((range) => [instanceId, ...range]))
  const counts = new Map<string, number>()
  const add = (name: string, count: number) => counts.set(name, (counts.get(name) ?? 0) + count)
  for (const row of rows) {
    const [name, count] = [textIn(row, 'name'), numberIn(row, 'count')]
    const step = steps[name]
    add(step?.from ?? name, step ? -count : count)
    if (step) add(step.to, count)
  }
  return Object.fromEntries([...counts].filter(([, count]) => count > 0))
}

const steps: { readonly [name: string]: { readonly from: string; readonly to: string } } = {
  activate: { from: 'PreActive', to: 'Active' },
  deactivate: { from: 'Active', to: 'Deactivated' },
}
