// The parts of the server that forwarding the audit log needs.

import type { Audit } from '../../core/audit/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { Config } from '../../outside/config/options.ts'
import type { ForwarderOptions } from './forwarder.ts'

export interface Needs extends Pick<ForwarderOptions, 'store' | 'leases'> {
  readonly audit: Audit
  readonly clock: Clock
  readonly config: Pick<Config, 'siem'>
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly version: string
}
