// Alerts people about conditions, as the configuration says. Part of the composition root.

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import type { AlertAdministration } from './port.ts'
import type { Condition } from './alert.ts'
import { Alerts, type AlertsOptions } from './alerts.ts'
import { send, type SendOptions } from './send.ts'
import { readTargets } from './targets.ts'
import { conditionsInSight } from '../status/conditions/table.ts'
import type { FactParts } from '../status/conditions/facts.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { LevelledLog } from '../../core/ports/log.ts'
import { writeWhole } from '../../host/first-start.ts'
import type { Settings } from '../../host/settings.ts'

export interface AlertingParts {
  readonly context: Omit<FactParts, 'alerts'> & {
    readonly clock: Clock
    readonly about: { readonly version: string }
  }
  readonly settings: Pick<Settings, 'now'>
  readonly log: Pick<LevelledLog, 'warn' | 'error'>
  /** The name of the node; null: the machine's. */
  readonly node: string | null
  readonly dataFolder: string
}

/** People are alerted from now on, until the stack is disposed of. */
export function openAlerting(
  { context, settings, log, node, dataFolder }: AlertingParts,
  opened: AsyncDisposableStack,
): AlertAdministration {
  const { clock, about } = context
  const options = (): SendOptions => {
    const { smtp, smtpPasswordFile, signingKeyFile, from } = settings.now.alerts
    return {
      origin: { node: node ?? hostname(), version: about.version },
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
  const alerts: Alerts = new Alerts({
    clock,
    conditions: () => conditionsInSight({ ...context, alerts }),
    least: () => settings.now.alerts.severity,
    targets,
    send: (alert, target) => send(alert, target, options()),
    told: toldIn(dataFolder),
    failed: (error) => log.error({ error }, 'look for conditions to alert people about'),
    onUndelivered: ({ target, alert, why }) =>
      log.warn({ target, condition: alert.id, why }, 'an alert could not be delivered'),
  })
  alerts.start()
  opened.defer(() => alerts.stop())
  return alerts
}

/** Remembers in the data folder what people were told. */
export function toldIn(dataFolder: string): AlertsOptions['told'] {
  const file = path.join(dataFolder, 'alerts-told')
  return {
    read: async () => {
      try {
        return JSON.parse(await readFile(file, 'utf8')) as readonly Condition[]
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
        throw error
      }
    },
    write: (conditions) => writeWhole(file, `${JSON.stringify(conditions)}\n`, 0o600),
  }
}
