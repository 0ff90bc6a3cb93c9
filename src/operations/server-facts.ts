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

/** Left out: every version. */
export function serverFacts(
  version: string,
  settings: { readonly versions?: readonly Version[] } = {},
): ServerFacts {
  const wanted = settings.versions ?? allVersions
  return {
    version,
    versions: allVersions.filter((one) => wanted.includes(one)),
    operations: handledOperations,
  }
}
