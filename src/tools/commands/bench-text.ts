// The report of a bench run as text.

import { counted } from '../../base/text/counted.ts'
import type { BenchReport, Measured } from '../vsphere/bench.ts'
import { handshakeRow, pieceRow, type Comparison } from '../vsphere/bench-compare.ts'
import { facts, table, visible } from '../../doors/cli/text/output.ts'

export function benchText(report: BenchReport): string {
  const { server, tls, mix, connections, perWork, resume, seconds, operations, pieces } = report
  const { handshakes, failures, keys, rate } = report
  const way = perWork ? `a new connection each${resume ? ', resumed' : ''}` : 'connections kept'
  const rows = [
    ...Object.entries(operations).map(([name, measured]) => row(name, measured)),
    ...(perWork || handshakes.count > 0 ? [row(handshakeRow, handshakes)] : []),
    ...(pieces ? [row(pieceRow, pieces)] : []),
  ]
  const sections = [
    facts([
      ['Server', `${server}, ${tls.version} ${tls.cipher}`],
      ['Load', `${mix}, ${connections} at the same time${rate === null ? '' : `, ${rate} a second`}, ${way}`],
      ['Measured', `${seconds.toFixed(1)} s`],
      ['Requests', `${report.requestsPerSecond}/s`],
      ...(resume ? [['Resumed', `${handshakes.resumed} of ${handshakes.count} handshakes`] as const] : []),
      ['Keys', keysText(keys)],
    ]),
    table(['MS', 'COUNT', 'PER S', 'P50', 'P90', 'P99', 'P99.9', 'MAX'], rows),
    failures.length > 0 &&
      `Failed\n${failures.map(({ operation, what, count }) => `  ${operation}: ${visible(what)} (${counted(count, 'time')})\n`).join('')}`,
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

/** Compares a run with an earlier one. */
export function comparisonText({ differs, ratios }: Comparison): string {
  const rows = Object.entries(ratios).map(([name, { perSecond, p50, p99, max }]) => [
    name,
    ...[perSecond, p50, p99, max].map(ratioText),
  ])
  const unlike = differs.map((what) => `  ${visible(what)}\n`).join('')
  return [
    table(['THIS RUN / EARLIER', 'PER S', 'P50', 'P99', 'MAX'], rows),
    ...(unlike ? [`The runs differ, so these numbers say little:\n${unlike}`] : []),
  ].join('\n')
}

function ratioText(ratio: number | null): string {
  return ratio === null ? '-' : ratio.toFixed(2)
}

function keysText({ made, destroyed, left }: BenchReport['keys']): string {
  if (made === 0) return 'none made'
  const parts = [`${made} made`, `${destroyed} destroyed`, left > 0 && `${left} LEFT BEHIND`]
  return parts.filter((part) => part !== false).join(', ')
}
