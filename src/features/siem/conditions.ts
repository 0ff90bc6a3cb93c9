// Conditions of the targets that get the audit log.

import type { AuditKeeper } from '../../core/audit/retention.ts'
import type { CommonFacts } from '../../core/conditions/conditions.ts'
import { serverOccurrence, type ConditionLines, type Occurrence } from '../../core/conditions/line.ts'
import type { MetricsOf } from '../../outside/telemetry/metric-table.ts'
import type { siemMetrics } from './metrics.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

/** A condition says when a target lacks an entry that is older. */
export const siemBehindMs = 5 * 60_000
const siemBehindMsCritical = 24 * 3600_000

export interface SiemFacts extends CommonFacts {
  readonly siem: readonly AuditKeeper[]
}

export const siemConditions = {
  'siem-behind': {
    severity: 'warning',
    rises: 'critical',
    meaning:
      'A target of the audit log (`siem.syslog`, `siem.file`) lacks entries that are older than a few minutes. They wait in the database, from which nothing is pruned before the target has it. After a day the condition is critical.',
    action:
      'Read the log of the server: it says why the target takes nothing. Start the receiver, then look: mortise siem status.',
    find: ({ nowMs, siem }) => siem.flatMap((one) => siemBehind(nowMs, one)),
  },
} as const satisfies ConditionLines<SiemFacts>

function siemBehind(nowMs: number, { target, behindSinceMs, trouble }: AuditKeeper): readonly Occurrence[] {
  if (behindSinceMs === null || nowMs - behindSinceMs <= siemBehindMs) return []
  const why = trouble === null ? '' : `: ${trouble}`
  const occurrence = serverOccurrence(
    `${target} lacks the audit log since ${isoTime(behindSinceMs)}${why}`,
    target,
  )
  return [nowMs - behindSinceMs > siemBehindMsCritical ? { ...occurrence, severity: 'critical' } : occurrence]
}

export function siemGauges({ siem, nowMs }: SiemFacts, gauges: MetricsOf<typeof siemMetrics>): void {
  for (const { kind, behindSinceMs } of siem)
    gauges.siemLag.set({ target: kind }, Math.max(0, nowMs - (behindSinceMs ?? nowMs)) / 1000)
}
