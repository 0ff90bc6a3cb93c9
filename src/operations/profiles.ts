// The OASIS profiles that this server conforms to, which Query claims since KMIP 1.3 (§2.1.19). Each is held by the mandatory
// cases that OASIS published for it: test/operations/profiles.test.ts compares this table with the counts of those cases.

import { enums, type EnumName } from '../kmip/enums.ts'
import { isDefined } from '../kmip/tags.ts'
import type { Version } from '../kmip/version.ts'

type ProfileName = EnumName<'ProfileName'>

interface Claim {
  /** Its name in the enumeration, without the version. */
  readonly profile: string
  /** Its cases, as the conformance counts name them; null: the specification's clauses alone say what it is. */
  readonly cases: string | null
  readonly versions: readonly Version[]
}

export const claims: readonly Claim[] = [
  // The authentication suite is TLS 1.2, with client certificates. The Basic suite needs TLS 1.0.
  { profile: 'BaselineServerTLSV1_2', cases: null, versions: ['1.2', '1.3', '1.4'] },
  { profile: 'TapeLibraryServer', cases: 'TL (mandatory)', versions: ['1.0', '1.1', '1.2', '1.3', '1.4'] },
  {
    profile: 'SymmetricKeyLifecycleServer',
    cases: 'SKLC (mandatory)',
    versions: ['1.0', '1.1', '1.2', '1.3', '1.4'],
  },
  {
    profile: 'AsymmetricKeyLifecycleServer',
    cases: 'AKLC (mandatory)',
    versions: ['1.0', '1.1', '1.2', '1.3'],
  },
  { profile: 'SymmetricKeyFoundryServer', cases: 'SKFF (mandatory)', versions: ['1.0', '1.1', '1.2', '1.3'] },
  {
    profile: 'OpaqueManagedObjectStoreServer',
    cases: 'OMOS (mandatory)',
    versions: ['1.0', '1.1', '1.2', '1.3', '1.4'],
  },
  {
    profile: 'StorageArrayWithSelfEncryptingDriveServer',
    cases: 'SASED (mandatory)',
    versions: ['1.0', '1.1', '1.2', '1.3', '1.4'],
  },
  { profile: 'RNGCryptographicServer', cases: 'CS-RNG (mandatory)', versions: ['1.2', '1.3', '1.4'] },
  { profile: 'AdvancedCryptographicServer', cases: 'CS-AC (mandatory)', versions: ['1.4'] },
]

/** The name of a profile of one version. */
export function profileName(profile: string, version: Version): string {
  return `${profile}KMIPV${version.replace('.', '_')}`
}

/** The claims that a client of this version understands. */
export function claimedProfiles(version: Version): readonly ProfileName[] {
  const names = claims.flatMap(({ profile, versions }) => versions.map((one) => profileName(profile, one)))
  return names.filter(isProfile).filter((name) => isDefined(enums.ProfileName[name], version))
}

export function isProfile(name: string): name is ProfileName {
  return Object.hasOwn(enums.ProfileName, name)
}
