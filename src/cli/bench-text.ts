// The report of a bench run as text.

import type { BenchReport, Measured } from '../vsphere/bench.ts'
import { facts, table, visible } from './output.ts'

export function benchText(report: BenchReport): string {
  const { server, tls, mix, connections, perWork, resume, seconds, operations, pieces } = report
  const { handshakes, failures, keys } = report
  const way = perWork ? `a new connection each${resume ? ', resumed' : ''}` : 'connections kept'
  const rows = [
    ...Object.entries(operations).map(([name, measured]) => row(name, measured)),
    ...(perWork || handshakes.count > 0 ? [row('(handshake)', handshakes)] : []),
    ...(pieces ? [row('(all of a piece)', pieces)] : []),
  ]
  const sections = [
    facts([
      ['Server', `${server}, ${tls.version} ${tls.cipher}`],
      ['Load', `${mix}, ${connections} at the same time, ${way}`],
      ['Measured', `${seconds.toFixed(1)} s`],
      ['Requests', `${report.requestsPerSecond}/s`],
      ...(resume ? [['Resumed', `${handshakes.resumed} of ${handshakes.count} handshakes`] as const] : []),
      ['Keys', keysText(keys)],
    ]),
    table(['MS', 'COUNT', 'PER S', 'P50', 'P90', 'P99', 'P99.9', 'MAX'], rows),
    failures.length > 0 &&
      `Failed\n${failures.map(({ operation, what, count }) => `  ${operation}: ${visible(what)} (${count} times)\n`).join('')}`,
  ]
  return sections.filter((section) => typeof section === 'string').join('\n')
}

function row(name: string, { count, perSecond, latencyMs }: Measured): readonly string[] {
  const { p50, p90, p99, p999, max } = latencyMs
  return [name, String(count), perSecond.toFixed(0), ...[p50, p90, p99, p999, max].map(milliseconds)]
}

function milliseconds(ms: number | null): string {
  if (ms === null) return '-'
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(0)
}

function keysText({ made, destroyed, left }: BenchReport['keys']): string {
  if (made === 0) return 'none made'
  const parts = [`${made} made`, `${destroyed} destroyed`, left > 0 && `${left} LEFT BEHIND`]
  return parts.filter((part) => part !== false).join(', ')
}
