// The parts of the server that the routes about exports of keys need.

import type { Keys } from '../../core/keys/keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Log } from '../../core/ports/log.ts'
import type { KeyExports } from './jobs.ts'

export interface Needs {
  readonly clock: Pick<Clock, 'now'>
  readonly keys: Keys
  readonly log: Pick<Log, 'error'>
  readonly version: string
}

/** The service that the handlers work with. */
export interface Exporting extends Pick<Needs, 'keys' | 'version'> {
  readonly keyExports: KeyExports
}
