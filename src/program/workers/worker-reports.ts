// Puts together what the server and its workers know, as if one process knew it. Pure.

import type { ReadinessFacts, WorkerFacts } from '../../core/server/readiness-facts.ts'
import type { UpstreamHealth } from '../../features/adopt/upstream-health.ts'

/** The readiness of the node: trouble that any of its processes has is the node's. It is ready if a worker that answers is. */
export function readinessOfAll(
  own: ReadinessFacts,
  workers: readonly ReadinessFacts[],
  { serving }: Pick<WorkerFacts, 'serving'>,
): ReadinessFacts {
  const all = [own, ...workers]
  const nobodyServes = own.ready && serving === 0 ? 'no worker serves' : null
  // Those that do not answer in time say nothing.
  const isAnyReady = workers.length === 0 || workers.some(({ ready }) => ready)
  return {
    ready: own.ready && nobodyServes === null && isAnyReady,
    reason: nobodyServes ?? firstOf(all.map(({ reason }) => reason)),
    refused: firstOf(all.map(({ refused }) => refused)),
    degraded: new Map(all.toReversed().flatMap(({ degraded }) => [...degraded])),
    unknown: new Set(all.flatMap(({ unknown }) => [...unknown])),
    fromMemory: new Set(all.flatMap(({ fromMemory }) => [...fromMemory])),
    reasons: new Map(all.toReversed().flatMap(({ reasons }) => [...reasons])),
    closed: distinct(
      all.flatMap(({ closed }) => closed),
      ({ instanceId, kind, id }) => [instanceId, kind, id],
    ),
    altered: distinct(
      all.flatMap(({ altered }) => altered),
      ({ instanceId, kind, id }) => [instanceId, kind, id],
    ),
    standardKeys: distinct(
      all.flatMap(({ standardKeys }) => standardKeys),
      ({ instanceId, what }) => [instanceId, what],
    ),
    calls: all.flatMap(({ calls }) => calls),
  }
}

/** Each process asks the upstream by itself. */
export function healthOfAll(healths: readonly UpstreamHealth[]): UpstreamHealth | undefined {
  if (healths.length === 0) return undefined
  const answers = healths.flatMap(({ lastAnswerMs }) => lastAnswerMs ?? [])
  const failures = healths.flatMap(({ lastFailure }) => lastFailure ?? [])
  const notAdopted = healths.flatMap((health) => health.notAdopted)
  return {
    lastAnswerMs: answers.length === 0 ? null : Math.max(...answers),
    lastFailure: failures.toSorted((one, other) => other.atMs - one.atMs)[0] ?? null,
    failing: healths.some(({ failing }) => failing),
    notAdopted: distinct(notAdopted, ({ id }) => [id]),
  }
}

function firstOf(reasons: readonly (string | null)[]): string | null {
  return reasons.find((reason) => reason !== null) ?? null
}

/** The first of each. */
function distinct<T>(items: readonly T[], nameOf: (item: T) => readonly unknown[]): readonly T[] {
  return [
    ...new Map(items.toReversed().map((item) => [JSON.stringify(nameOf(item)), item])).values(),
  ].toReversed()
}
