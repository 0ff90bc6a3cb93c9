// One check of a server: what the specification says of an operation, and how to find out.

import type { OperationName } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { CheckSession } from './check-session.ts'

export interface OperationCheck {
  readonly operation: OperationName
  /** The end of a sentence that says what the server must do. */
  readonly what: string
  /** The first version that has it. */
  readonly since: Version
  /** Throws Differs and NotSupported. */
  readonly run: (session: CheckSession) => Promise<void>
}
