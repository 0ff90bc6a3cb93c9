// Finds the conditions that hold: gathers the facts of each feature once, and asks the lines of each. Status, health, metrics, the log and
// alerts read it.

import type { Clock } from '../ports/clock.ts'
import { StoreUnavailable } from '../ports/store.ts'
import type { ReadinessFacts } from '../server/readiness-facts.ts'
import type { Access } from '../trust/access.ts'
import type { TrustSnapshot } from '../trust/rows.ts'
import {
  severities,
  type ConditionLine,
  type ConditionLines,
  type Occurrence,
  type Severity,
} from './line.ts'
import { readinessConditions } from './readiness.ts'

/** The facts that every feature gets. */
export interface CommonFacts {
  /** Wall clock, milliseconds since 1970. */
  readonly nowMs: number
  readonly trust: Pick<TrustSnapshot, 'tables' | 'alarms'>
  readonly readiness: ReadinessFacts
}

/** A condition that holds now. */
export interface Condition extends Occurrence {
  readonly id: string
  readonly severity: Severity
  /** The advice: how a person ends it. */
  readonly action: string
}

/** The lines of a feature, and the function that gathers the facts for them. Each check of a disk takes a bounded time. */
export interface ConditionSource<F> {
  readonly lines: ConditionLines<F>
  readonly facts: (common: CommonFacts) => F | Promise<F>
}

/** The findings of one look. */
export interface Gathered {
  readonly common: CommonFacts
  /** The most severe first. */
  readonly conditions: readonly Condition[]
  /** The facts that were gathered for these lines. */
  readonly of: <F>(lines: ConditionLines<F>) => F
}

export interface ConditionsParts {
  readonly access: Pick<Access, 'snapshot'>
  readonly clock: Pick<Clock, 'now'>
  readonly readiness: () => Promise<ReadinessFacts>
}

export class Conditions {
  readonly #parts: ConditionsParts
  // The facts of a source are for its own lines alone.
  readonly #sources: ConditionSource<unknown>[] = []

  constructor(parts: ConditionsParts) {
    this.#parts = parts
  }

  add<F>(source: ConditionSource<F>): void {
    this.#sources.push(source as ConditionSource<unknown>)
  }

  /** Every line, so that an alert can tell when a condition begins and ends. */
  get lines(): Readonly<Record<string, Pick<ConditionLine<never>, 'severity' | 'rises'>>> {
    return Object.assign({ ...readinessConditions }, ...this.#sources.map(({ lines }) => lines)) as Readonly<
      Record<string, ConditionLine<never>>
    >
  }

  /**
   * All conditions, for a caller who may see all instances. `known`: the readiness, if the caller has it already. Throws
   * StoreUnavailable.
   */
  async gather(known?: ReadinessFacts): Promise<Gathered> {
    const { access, clock, readiness } = this.#parts
    const [trust, ready] = [await access.snapshot(), known ?? (await readiness())]
    const common: CommonFacts = { nowMs: clock.now(), trust, readiness: ready }
    const facts = new Map<unknown, unknown>()
    await Promise.all(
      this.#sources.map(async (source) => facts.set(source.lines, await source.facts(common))),
    )
    const holding = this.#sources.flatMap(({ lines }) => conditionsIn(lines, facts.get(lines)))
    const conditions = mostSevereFirst([...conditionsIn(readinessConditions, common), ...holding])
    return { common, conditions, of: <F>(lines: ConditionLines<F>) => facts.get(lines) as F }
  }

  /**
   * All conditions; while the store does not answer, only those that are known without it. `isWhole`: a condition that is absent
   * from the list does not hold. `isWhole` is false while the node is not ready, since such a node knows little else, and after a
   * start until each root key has answered or failed.
   */
  async inSight(): Promise<{ readonly conditions: readonly Condition[]; readonly isWhole: boolean }> {
    try {
      const { conditions, common } = await this.gather()
      const { ready, unknown } = common.readiness
      return { conditions, isWhole: ready && unknown.size === 0 }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      return { conditions: conditionsOfReadiness(await this.#parts.readiness()), isWhole: false }
    }
  }
}

/** The conditions that are known without the store. */
export function conditionsOfReadiness(readiness: ReadinessFacts): readonly Condition[] {
  return conditionsIn(readinessConditions, { readiness })
}

/** In the order of the lines. */
export function conditionsIn<F>(lines: ConditionLines<F>, facts: F): readonly Condition[] {
  return Object.entries(lines).flatMap(([id, { severity, action, find }]) =>
    find(facts).map((occurrence): Condition => ({
      ...occurrence,
      id,
      severity: occurrence.severity ?? severity,
      action: occurrence.action ?? action,
    })),
  )
}

export function mostSevereFirst(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity))
}

/** Counts the conditions of each severity. */
export function countBySeverity(
  conditions: readonly Pick<Condition, 'severity'>[],
): Readonly<Record<Severity, number>> {
  const count = (level: Severity) => conditions.filter(({ severity }) => severity === level).length
  return { critical: count('critical'), warning: count('warning'), notice: count('notice') }
}
