// The parts of the server that alerts need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Conditions } from '../../core/conditions/conditions.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Settings } from '../../host/settings.ts'

export interface Needs {
  readonly audit: Pick<Audit, 'enter'>
  readonly clock: Clock
  readonly conditions: Pick<Conditions, 'inSight'>
  readonly settings: Pick<Settings, 'now'>
  readonly log: Pick<Log, 'warn' | 'error'>
  /** The name of the node; null: the machine's. */
  readonly node: string | null
  readonly dataFolder: string
  readonly version: string
}
