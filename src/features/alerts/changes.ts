// The rule of when people are alerted: a condition begins for them once two looks in a row have found it, and ends once two in a row have
// missed it. So a condition that comes and goes between two looks makes no noise. One that becomes more severe makes another alert. A look
// that did not see everything, since the store did not answer or the node is not ready, ends nothing.

import { severities, type Severity } from '../../core/conditions/line.ts'
import { conditionKey, type Alert, type AlertSubject, type Sight } from './alert.ts'

interface Seen {
  readonly condition: AlertSubject
  /** The severity of the last alert; null: there was none yet. */
  readonly told: Severity | null
  /** The last look did not find the condition. */
  readonly missing: boolean
  /** An earlier process told it: this one tells it again, or its end. */
  readonly before?: true
}

/** By key. */
export type Watched = ReadonlyMap<string, Seen>

/** An earlier process told people these, and not yet their end. */
export function toldBefore(conditions: readonly AlertSubject[]): Watched {
  return new Map(
    conditions.map((condition) => [
      conditionKey(condition),
      { condition, told: condition.severity, missing: false, before: true },
    ]),
  )
}

/** The conditions that people were alerted of, with the severity. */
export function toldNow(watched: Watched): readonly AlertSubject[] {
  return [...watched.values()].flatMap(({ condition, told }) =>
    told === null ? [] : [{ ...condition, severity: told }],
  )
}

export interface Look {
  readonly watched: Watched
  readonly alerts: readonly Omit<Alert, 'atMs'>[]
}

/** Pure. `least`: conditions of a lower severity make no alert. */
export function look(before: Watched, { conditions, isWhole }: Sight, least: Severity): Look {
  const current = new Map(
    conditions.filter((one) => isAtLeast(one.severity, least)).map((one) => [conditionKey(one), one]),
  )
  const watched = [...current].map(([key, condition]) => seenAgain(key, condition, before.get(key)))
  const gone = [...before]
    .filter(([key]) => !current.has(key))
    .map(([key, seen]) => (isWhole ? seenMissing(key, seen) : { key, seen }))
  const all = [...watched, ...gone]
  return {
    watched: new Map(all.flatMap(({ key, seen }) => (seen ? [[key, seen]] : []))),
    alerts: all.flatMap(({ alert }) => (alert ? [alert] : [])),
  }
}

interface Step {
  readonly key: string
  /** Undefined: it is watched no more. */
  readonly seen: Seen | undefined
  readonly alert?: Omit<Alert, 'atMs'>
}

function seenAgain(key: string, condition: AlertSubject, before: Seen | undefined): Step {
  const { severity } = condition
  if (!before) return { key, seen: { condition, told: null, missing: false } }
  const { told } = before
  const isAgain = told === null || before.before === true
  const isWorse = !isAgain && severity !== told && isAtLeast(severity, told)
  const isDue = isAgain || isWorse
  const seen = { condition, told: isDue ? severity : told, missing: false }
  return isDue
    ? { key, seen, alert: { ...condition, key, event: isWorse ? 'worse' : 'begun' } }
    : { key, seen }
}

function seenMissing(key: string, seen: Seen): Step {
  const { condition, told, missing } = seen
  if (told === null) return { key, seen: undefined }
  if (!missing) return { key, seen: { ...seen, missing: true } }
  return { key, seen: undefined, alert: { ...condition, severity: told, key, event: 'ended' } }
}

function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(least)
}
