// The parts of the server that the routes about exports of keys need.

import type { Keys } from '../../core/keys/keys.ts'
import type { KeyExports } from './jobs.ts'

export interface Needs {
  readonly keyExports: Pick<KeyExports, 'begin' | 'outcome' | 'requireFree'>
  readonly keys: Keys
  readonly version: string
}
