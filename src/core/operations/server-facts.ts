// The versions of KMIP and the operations that the server offers. Settings of the administrator narrow them.

import { standards, versions as allVersions, type Draft, type Version } from '../../wire/kmip/version.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'

export interface ServerFacts {
  /** The version of the program. */
  readonly version: string
  /** The versions of KMIP, from oldest to newest. */
  readonly versions: readonly Version[]
  /** The operations that it handles. */
  readonly operations: readonly OperationName[]
  /** The version of OpenSSL's FIPS provider, such as `3.5.9`; null: the server is not in FIPS mode. */
  readonly fips: string | null
}

/** The choices of an administrator. */
export interface ProtocolSettings {
  /** Left out: every version that is a standard. */
  readonly versions?: readonly Version[]
  /** The drafts that the server also speaks. */
  readonly drafts?: readonly Draft[]
  /** Whether it takes part in tests of interoperability, with the operation Interop. */
  readonly interop?: boolean
  /** Left out: null. */
  readonly fips?: string | null
}

/** `version`: of the program. `handled`: the operations that it handles. */
export function serverFacts(
  version: string,
  handled: readonly OperationName[],
  settings: ProtocolSettings = {},
): ServerFacts {
  const versions: readonly Version[] = [...(settings.versions ?? standards), ...(settings.drafts ?? [])]
  return {
    version,
    versions: allVersions.filter((one) => versions.includes(one)),
    fips: settings.fips ?? null,
    operations: handled.filter((name) => settings.interop === true || name !== 'Interop'),
  }
}
