// The type of a line in the table of conditions, and small parts of its sentences. Each feature has its lines;
// conditions.ts finds what holds.

import { closedKeysNamedMax } from '../../base/bounds.ts'
import { counted } from '../../base/text/counted.ts'
import type { TrustTables } from '../trust/rows.ts'

/**
 * critical: keys are not served, or may be lost. warning: it becomes critical unless an administrator acts. notice: the
 * administrator should know of it.
 */
export const severities = ['critical', 'warning', 'notice'] as const
export type Severity = (typeof severities)[number]

export interface ConditionLine<F> {
  readonly severity: Severity
  /** The severity that a found condition may have instead, as its date approaches. */
  readonly rises?: Severity
  /** Explains the condition in docs/conditions.md. */
  readonly meaning: string
  /** The advice for each found condition that has none of its own. */
  readonly action: string
  /** Finds the condition in the facts. Pure. */
  readonly find: (facts: F) => readonly Occurrence[]
}

/** The lines of a feature, by the ids of the conditions. */
export type ConditionLines<F> = Readonly<Record<string, ConditionLine<F>>>

/** One condition that holds now. */
export interface Occurrence {
  /** The instance that it concerns; null: the server. */
  readonly instanceId: string | null
  /** Distinguishes it from other conditions with the same id and instance, such as by the name of a token. */
  readonly about: string
  readonly message: string
  readonly action?: string
  /** Left out: the severity of the line. */
  readonly severity?: Severity
}

/** A found condition that concerns the server. */
export function serverOccurrence(message: string, about = ''): Occurrence {
  return { instanceId: null, about, message }
}

export function instanceName({ instance }: TrustTables, instanceId: string): string {
  return instance.get(instanceId)?.name ?? instanceId
}

export function days(count: number): string {
  return counted(count, 'day')
}

/** `a key`, `3 keys`. */
export function aOrMany(count: number, noun: string): string {
  return count === 1 ? `a ${noun}` : counted(count, noun)
}

export const dayMs = 24 * 3600_000

/** The ids of the first items, and the count of the others. */
export function someOf(items: readonly { readonly id: string }[]): string {
  const ids = items.slice(0, closedKeysNamedMax).map(({ id }) => id)
  return ids.join(', ') + (items.length > ids.length ? `, and ${String(items.length - ids.length)} more` : '')
}
