// The report of a simulation as text.

import { counted } from '../../base/text/counted.ts'
import type { RunFinding, RefusedWork } from '../vsphere/run-log.ts'
import type { SavedKey } from '../vsphere/key-inventory.ts'
import type { Latency, SimulationReport, ScenarioReport } from '../vsphere/report.ts'
import { facts, table, visible } from '../../doors/cli/text/output.ts'

export function progressLine({ id, title, done, failed, retried, ms }: ScenarioReport): string {
  const parts = [`${done} done`, failed > 0 && `${failed} FAILED`, retried > 0 && `${retried} retried`]
  return `  (${id}) ${title}: ${parts.filter((part) => part !== false).join(', ')}, ${seconds(ms)}\n`
}

/** A run that was interrupted and met no fault has shown nothing of the rest. */
export function reportText(report: SimulationReport): string {
  const { pieces, latencies, keys, expected } = report
  const isOnlyInterrupted = report.interrupted && pieces.failed === 0 && report.violations.length === 0
  const sections = [
    facts([
      ['Server', report.server.join(', ')],
      [
        'Played',
        `vCenter ${report.profile}, ${counted(report.hosts, 'host')}, ${counted(report.vms, 'VM')}, seed ${report.seed}`,
      ],
      ['Pieces of work', `${pieces.done} done, ${pieces.failed} failed, ${pieces.retried} retried`],
      ['TCP connect', latencyText(latencies.connectMs)],
      ['TLS handshake', latencyText(latencies.handshakeMs)],
      ['Request', latencyText(latencies.requestMs)],
    ]),
    findings('Failed', report.failures),
    findings('Answers that vSphere cannot use', report.violations),
    findings('Remarks (vSphere puts up with these)', report.remarks),
    refusals(report.refusals),
    keys.length > 0 && `Keys\n${indented(keyTable(keys))}`,
    expected && expectedText(expected),
    keys.length > 0 &&
      'These keys stay at the server until the same command with --cleanup destroys them. Unknown certificates that the simulation\n' +
        'connected with may wait there as pending clients: do not trust them.\n',
    report.ok
      ? 'All is as vSphere needs it.\n'
      : !isOnlyInterrupted && 'NOT all is as vSphere needs it: see above.\n',
  ]
  return sections.filter((section) => typeof section === 'string' && section !== '').join('\n')
}

function latencyText({ count, p50, p95, p99, max }: Latency): string {
  if (count === 0) return '-'
  return `p50 ${milliseconds(p50)}, p95 ${milliseconds(p95)}, p99 ${milliseconds(p99)}, max ${milliseconds(max)} (${count})`
}

function milliseconds(ms: number | null): string {
  return ms === null ? '-' : `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function findings(heading: string, list: readonly RunFinding[]): string {
  if (list.length === 0) return ''
  const lines = list.map(
    ({ scenario, where, what, count }) =>
      `  (${scenario}) ${where}: ${visible(what)}${count > 1 ? ` (${count} times)` : ''}\n`,
  )
  return `${heading}\n${lines.join('')}`
}

function refusals(refused: readonly RefusedWork[]): string {
  if (refused.length === 0) return ''
  const lines = refused.map(({ operation, reason, message, count }) => {
    const words = [reason, message].filter((word) => word !== null).join(': ') || 'no reason given'
    return `  ${operation}: ${visible(words)}${count > 1 ? ` (${count} times)` : ''}\n`
  })
  return `What vCenter would show\n${lines.join('')}`
}

const keysShown = 40

function keyTable(keys: readonly SavedKey[]): string {
  const shown = keys.slice(0, keysShown)
  const rows = shown.map(({ owner, kind, state, id, sha256 }) => [
    owner,
    kind,
    state,
    id,
    sha256.slice(0, 16),
  ])
  const more = keys.length > keysShown ? `and ${keys.length - keysShown} more: --save FILE has all\n` : ''
  return `${table(['FOR', 'KIND', 'STATE', 'ID', 'SHA-256'], rows)}${more}`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}

function expectedText({
  checked,
  missing,
  changed,
  unanswered,
}: NonNullable<SimulationReport['expected']>): string {
  const lines = (
    [
      ['MISSING', missing],
      ['CHANGED', changed],
      ['NOT ANSWERED', unanswered],
    ] as const
  ).flatMap(([word, keys]) =>
    keys.map(({ owner, id }) => `  ${word.padEnd(12)}  ${visible(owner)}  ${visible(id)}\n`),
  )
  const served = checked - new Set([...missing, ...changed, ...unanswered]).size
  const unknown =
    unanswered.length === 0
      ? ''
      : 'Keys that were not answered may still be there: the server failed, refused or was silent. Try again.\n'
  return `Keys of the earlier run: ${served} of ${checked} are still served\n${lines.join('')}${unknown}`
}
