// Sends the audit log to the targets that the configuration names. Part of the composition root.

import { hostname } from 'node:os'
import type { AdminContext } from '../../doors/http/context.ts'
import type { Config } from '../../outside/config/options.ts'
import type { Core } from '../../core/server/core.ts'
import { auditActions } from '../../core/ports/audit-actions.ts'
import type { PlacedEntry } from '../../core/ports/audit.ts'
import { cefLine } from './cef.ts'
import { fileTarget } from './file-target.ts'
import { Forwarder } from './forwarder.ts'
import { jsonLine } from './syslog-message.ts'
import { syslogTarget } from './syslog-target.ts'
import type { Target } from './target.ts'
import type { LevelledLog } from '../../core/ports/log.ts'
import type { Metrics } from '../../outside/telemetry/metrics.ts'

export interface SiemParts extends Pick<Core, 'store' | 'leases' | 'clock'> {
  readonly metrics: Pick<Metrics, 'siemEntries'>
  readonly log: Pick<LevelledLog, 'info' | 'warn'>
  readonly version: string
}

/** The targets are sent to from now on, until the stack is disposed of. */
export function openSiem(
  config: Config['siem'],
  parts: SiemParts,
  opened: AsyncDisposableStack,
): AdminContext['siem'] {
  const { metrics, log } = parts
  const forwarders = targetsOf(config, parts).map((target) => {
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
  return { facts: () => Promise.all(forwarders.map((forwarder) => forwarder.facts())) }
}

function targetsOf(config: Config['siem'], { clock, version }: SiemParts): readonly Target[] {
  const { syslog, format, file, caFile, certificateFile, keyFile } = config
  const cef = (entry: PlacedEntry) => cefLine(entry, { version, meanings: auditActions })
  const targets: Target[] = []
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
