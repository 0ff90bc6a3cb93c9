// Alerts people about conditions, as the configuration says. Part of the composition root.

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import type { AlertAdministration } from './port.ts'
import type { AlertSubject } from './alert.ts'
import { Alerts, type AlertsOptions } from './alerts.ts'
import { send, type SendOptions } from './send.ts'
import { readTargets } from './targets.ts'
import type { Needs } from './needs.ts'
import { writeWhole } from '../../host/first-start.ts'

/** The service that the handlers work with. */
export interface Alerting {
  readonly alerts: AlertAdministration
  readonly audit: Needs['audit']
}

/** People are alerted from `start` on, until the stack is disposed of. */
export function openAlerting(
  { audit, clock, conditions, settings, log, node, dataFolder, version }: Needs,
  opened: AsyncDisposableStack,
): Alerting & { readonly start: () => void } {
  const options = (): SendOptions => {
    const { smtp, smtpPasswordFile, signingKeyFile, from } = settings.now.alerts
    return {
      origin: { node: node ?? hostname(), version },
      signingKeyFile,
      smtp:
        smtp === ''
          ? null
          : { url: smtp, passwordFile: smtpPasswordFile, from: from === '' ? `mortise@${hostname()}` : from },
      now: () => clock.now(),
    }
  }
  const targets = async () => {
    const { targetsFile } = settings.now.alerts
    return targetsFile === null ? [] : readTargets(targetsFile)
  }
  const alerts = new Alerts({
    clock,
    conditions: () => conditions.inSight(),
    least: () => settings.now.alerts.severity,
    targets,
    send: (alert, target) => send(alert, target, options()),
    told: toldIn(dataFolder),
    failed: (error) => log.error({ error }, 'look for conditions to alert people about'),
    onUndelivered: ({ target, alert, why }) =>
      log.warn({ target, condition: alert.id, why }, 'an alert could not be delivered'),
  })
  opened.defer(() => alerts.stop())
  return { alerts, audit, start: () => alerts.start() }
}

/** Remembers in the data folder which conditions people were alerted of. */
export function toldIn(dataFolder: string): AlertsOptions['told'] {
  const file = path.join(dataFolder, 'alerts-told')
  return {
    read: async () => {
      try {
        return JSON.parse(await readFile(file, 'utf8')) as readonly AlertSubject[]
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
        throw error
      }
    },
    write: (conditions) => writeWhole(file, `${JSON.stringify(conditions)}\n`, 0o600),
  }
}
