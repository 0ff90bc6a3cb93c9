// The conditions that status itself has: of the server, of its root keys and stored keys, and of access.

import { accessConditions } from './access.ts'
import type { Facts } from './facts.ts'
import type { ConditionLines } from '../../../core/conditions/line.ts'
import { rootKeyConditions } from './root-keys.ts'
import { serverConditions } from './server.ts'
import { storedKeyConditions } from './stored-keys.ts'

export const statusConditions: ConditionLines<Facts> = {
  ...serverConditions,
  ...rootKeyConditions,
  ...storedKeyConditions,
  ...accessConditions,
}
