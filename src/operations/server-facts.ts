// What the server says of itself and lets clients ask for: its versions of KMIP, its operations. Settings of the administrator narrow it.

import { versions as allVersions, type Version } from '../kmip/version.ts'
import { handledOperations, type HandledOperation } from './handlers.ts'

export interface ServerFacts {
  /** The version of the program. */
  readonly version: string
  /** The versions of KMIP, from oldest to newest. */
  readonly versions: readonly Version[]
  /** The operations that it handles. */
  readonly operations: readonly HandledOperation[]
}

/** What an administrator chooses. */
export interface ProtocolSettings {
  /** Left out: every version. */
  readonly versions?: readonly Version[]
  /** Whether it takes part in tests of interoperability, with the operation Interop. */
  readonly interop?: boolean
}

export function serverFacts(version: string, settings: ProtocolSettings = {}): ServerFacts {
  const wanted = settings.versions ?? allVersions
  return {
    version,
    versions: allVersions.filter((one) => wanted.includes(one)),
    operations: handledOperations.filter((name) => settings.interop === true || name !== 'Interop'),
  }
}
