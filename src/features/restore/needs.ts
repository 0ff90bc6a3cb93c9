// The parts of the server that restores need.

import type { RootKeys } from '../../core/ports/root-keys.ts'
import type { Secrets } from '../../core/sealing/secrets.ts'
import type { Restores } from './restores.ts'
import type { RestoreParts } from './source.ts'

export interface Needs extends Omit<RestoreParts, 'serverId'> {
  readonly dataFolder: string
  readonly rootKeys: RootKeys
  readonly secrets: Secrets
}

/** The service that the handlers work with. */
export interface RestoreService extends Pick<Needs, 'leases' | 'rootKeys'> {
  readonly restores: Restores
}
