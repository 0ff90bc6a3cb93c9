// Sends the audit log to the targets that the configuration names. Part of the composition root.

import { hostname } from 'node:os'
import type { Needs } from './needs.ts'
import type { Config } from '../../outside/config/options.ts'
import type { MetricsOf } from '../../outside/telemetry/metric-table.ts'
import type { siemMetrics } from './metrics.ts'
import type { AuditKeeper } from '../../core/audit/retention.ts'
import { auditActions } from '../../core/ports/audit-actions.ts'
import type { PlacedEntry } from '../../core/ports/audit.ts'
import { cefLine } from './cef.ts'
import { fileTarget } from './file-target.ts'
import { Forwarder } from './forwarder.ts'
import { jsonLine } from './syslog-message.ts'
import { syslogTarget } from './syslog-target.ts'
import type { SiemTarget } from './target.ts'

/** The service that the handlers work with. */
export interface Siem extends Pick<Needs, 'audit' | 'clock'> {
  readonly siem: {
    readonly targets: readonly string[]
    readonly facts: () => Promise<readonly AuditKeeper[]>
  }
}

/** The targets are sent to from now on, until the stack is disposed of. */
export function openSiem(
  { audit, config, ...parts }: Needs,
  opened: AsyncDisposableStack,
  metrics: MetricsOf<typeof siemMetrics>,
): Siem {
  const { log } = parts
  const targets = targetsOf(config.siem, parts)
  const forwarders = targets.map((target) => {
    const onTrouble = (trouble: string | null) => {
      if (trouble === null) log.info({ target: target.name }, 'the SIEM gets the audit log again')
      else log.warn({ target: target.name, trouble }, 'the SIEM does not get the audit log')
    }
    const onSent = (entries: number) => metrics.siemEntries.inc({ target: target.kind }, entries)
    return new Forwarder({ ...parts, target, onTrouble, onSent })
  })
  for (const forwarder of forwarders) {
    forwarder.start()
    opened.defer(() => forwarder.stop())
  }
  const siem = {
    targets: targets.map(({ name }) => name),
    facts: () => Promise.all(forwarders.map((forwarder) => forwarder.facts())),
  }
  return { audit, clock: parts.clock, siem }
}

function targetsOf(
  config: Config['siem'],
  { clock, version }: Omit<Needs, 'audit' | 'config'>,
): readonly SiemTarget[] {
  const { syslog, format, file, caFile, certificateFile, keyFile } = config
  const cef = (entry: PlacedEntry) => cefLine(entry, { version, meanings: auditActions })
  const targets: SiemTarget[] = []
  if (syslog)
    targets.push(
      syslogTarget({
        place: syslog,
        files: { ca: caFile, certificate: certificateFile, key: keyFile },
        source: { host: hostname(), process: process.pid },
        textOf: format === 'cef' ? cef : jsonLine,
        clock,
      }),
    )
  if (file !== null) targets.push(fileTarget(file))
  return targets
}
