// The parts of the server that alerts need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Conditions } from '../../core/conditions/conditions.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { OptionValues } from '../../base/option.ts'
import type { alertOptions } from './options.ts'

export interface Needs {
  readonly audit: Pick<Audit, 'enter'>
  readonly clock: Clock
  readonly conditions: Pick<Conditions, 'inSight'>
  readonly settings: { readonly now: OptionValues<typeof alertOptions> }
  readonly log: Pick<Log, 'warn' | 'error'>
  /** The name of the node; null: the machine's. */
  readonly node: string | null
  readonly dataFolder: string
  readonly version: string
}
