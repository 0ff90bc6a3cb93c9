// What one line of the table of conditions says, and small parts of its sentences. The lines are in the files beside
// this one, grouped by subject; table.ts puts them together.

import type { TrustTables } from '../../trust/rows.ts'
import type { Facts } from './facts.ts'

/**
 * critical: keys are not served, or may be lost. warning: it becomes critical if nobody acts. notice: somebody should
 * know of it.
 */
export const severities = ['critical', 'warning', 'notice'] as const
export type Severity = (typeof severities)[number]

export interface ConditionLine {
  readonly severity: Severity
  /** What the condition means. For docs/conditions.md. */
  readonly meaning: string
  /** What to do about it. Used for each found condition that has no more exact advice. */
  readonly action: string
  /** Finds the condition in the facts. Pure. */
  readonly find: (facts: Facts) => readonly Found[]
}

/** One condition that holds now. */
export interface Found {
  /** The instance that it concerns; null: the server. */
  readonly instanceId: string | null
  /** What it is about: names the condition together with its id and instance. */
  readonly about: string
  readonly message: string
  readonly action?: string
}

/** A found condition that concerns the server. */
export function ofServer(message: string, about = '', action?: string): Found {
  return { instanceId: null, about, message, ...(action !== undefined && { action }) }
}

export function instanceName({ instance }: TrustTables, instanceId: string): string {
  return instance.get(instanceId)?.name ?? instanceId
}

export function days(count: number): string {
  return count === 1 ? '1 day' : `${String(count)} days`
}

/** `a key`, `3 keys`. */
export function counted(count: number, noun: string): string {
  return count === 1 ? `a ${noun}` : `${String(count)} ${noun}s`
}

export const dayMs = 24 * 3600_000
