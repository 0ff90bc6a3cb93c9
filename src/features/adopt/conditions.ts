// Conditions of upstreams: an old server that does not answer or does not give a key, one that is off since a restore, one
// that was forgotten.

import { gauge } from '../../base/metric.ts'
import type { MetricsOf } from '../../outside/telemetry/metric-table.ts'
import { isoTime } from '../../doors/http/views/shown.ts'
import { upstreamFacts, type UpstreamFacts } from './shown-upstream.ts'
import type { CommonFacts } from '../../core/conditions/conditions.ts'
import {
  aOrMany,
  dayMs,
  days,
  type ConditionLine,
  type ConditionLines,
  type Occurrence,
} from '../../core/conditions/line.ts'
import { someOf } from '../../core/conditions/line.ts'

/** An upstream is for a change-over. A warning names one that is older. */
const upstreamDays = 31

export interface UpstreamConditionFacts extends CommonFacts {
  readonly upstreams: readonly UpstreamFacts[]
}

export const upstreamConditions = {
  'upstream-not-answering': {
    severity: 'critical',
    meaning:
      'The upstream of an instance did not answer when it was last asked. Clients that ask for an identifier that is unknown here get General Failure, so that they ask again; every key that is here is served.',
    action:
      'Check the old server and the network to it: mortise instance show NAME says to a manager of all instances why it does not answer. If it is switched off for good, remove the upstream: mortise instance set NAME --no-upstream',
    find: findUpstreams(({ health, isListed }) => {
      const failure = health?.failing === true ? health.lastFailure : null
      const why = isListed ? failure?.message : 'the log of the server has the reason'
      return failure && `did not answer when it was last asked, at ${isoTime(failure.atMs)}: ${why}`
    }),
  },
  'upstream-off': {
    severity: 'critical',
    meaning:
      'The upstream of an instance is off since a restore. Clients that ask for an identifier that is unknown here get General Failure.',
    action:
      'If the old server still has what was not adopted: mortise instance set NAME --upstream-on. Otherwise remove the upstream: --no-upstream',
    find: findUpstreams(({ upstream: { off } }) => off && `is off since the restore of ${isoTime(off.atMs)}`),
  },
  'upstream-key-not-adopted': {
    severity: 'warning',
    meaning:
      'The upstream has a key that a client asked for, and it could not be adopted: the old server does not hand it out, its bytes contradict its digest, or it could not be stored here.',
    action:
      'mortise instance show NAME says why for each key. Do not switch the old server off before. The condition stays until the key is adopted, or this server is restarted.',
    find: findUpstreams(({ health }) => {
      const left = health?.notAdopted ?? []
      const [first] = left
      return first
        ? `has ${aOrMany(left.length, 'key')} that could not be adopted (${someOf(left)}): ${first.why}`
        : null
    }),
  },
  'upstream-long': {
    severity: 'warning',
    meaning: `An upstream is still named after ${upstreamDays} days. It is meant for the time of a change-over: as long as it is named, a foreign server can add keys.`,
    action:
      'Compare once more what was adopted, and remove it: mortise adopt check --digests --instance NAME, then mortise instance set NAME --no-upstream',
    find: findUpstreams(({ upstream: { sinceMs }, adopted: { count, lastMs } }, nowMs) => {
      const age = Math.floor((nowMs - sinceMs) / dayMs)
      if (age < upstreamDays) return null
      const last =
        lastMs === null
          ? 'nothing was adopted on demand'
          : `${count} adopted on demand, the last at ${isoTime(lastMs)}`
      return `is named since ${days(age)}; ${last}`
    }),
  },
} as const satisfies ConditionLines<UpstreamConditionFacts>

/** Finds the upstreams for which `what` gives a text. The message is `the upstream HOST of the instance NAME` and that text. */
function findUpstreams(
  what: (upstream: UpstreamFacts, nowMs: number) => string | null | undefined,
): ConditionLine<UpstreamConditionFacts>['find'] {
  return ({ nowMs, upstreams }: UpstreamConditionFacts): readonly Occurrence[] =>
    upstreams.flatMap((one) => {
      const { instance, upstream } = one
      const said = what(one, nowMs)
      if (said === null || said === undefined) return []
      const message = `the upstream ${upstream.servers.join(', ')} of the instance ${instance.name} ${said}`
      return [{ instanceId: instance.id, about: '', message }]
    })
}

export async function upstreamConditionFacts(
  parts: Parameters<typeof upstreamFacts>[0],
  common: CommonFacts,
): Promise<UpstreamConditionFacts> {
  const instances = [...common.trust.tables.instance.values()]
  const all = await Promise.all(instances.map((instance) => upstreamFacts(parts, instance)))
  return { ...common, upstreams: all.filter((facts) => facts !== null) }
}

export const upstreamMetrics = {
  upstreams: gauge('upstreams', 'Instances that name an upstream.'),
  upstreamsOff: gauge('upstreams_off', 'Instances whose upstream is off since a restore.'),
  upstreamsFailing: gauge(
    'upstreams_failing',
    'Instances whose upstream did not answer when it was last asked.',
  ),
  adoptedOnDemand: gauge(
    'adopted_on_demand',
    'Objects that instances with an upstream adopted from it because clients asked for them.',
  ),
}

export function upstreamGauges(
  { upstreams }: UpstreamConditionFacts,
  gauges: MetricsOf<typeof upstreamMetrics>,
): void {
  gauges.upstreams.set(upstreams.length)
  gauges.upstreamsOff.set(upstreams.filter(({ upstream }) => upstream.off).length)
  gauges.upstreamsFailing.set(upstreams.filter(({ health }) => health?.failing).length)
  gauges.adoptedOnDemand.set(upstreams.reduce((sum, { adopted }) => sum + adopted.count, 0))
}
