// The OASIS profiles that this server conforms to, which Query claims since KMIP 1.3 (§2.1.19). OASIS published mandatory cases
// for each: test/core/operations/profiles.test.ts compares this table with the counts of those cases.

import { enums, type EnumName } from '../../wire/kmip/enums.ts'
import { isDefined } from '../../wire/kmip/tags.ts'
import { protocolVersionOf } from '../../wire/kmip/dialect.ts'
import type { Response } from '../../wire/kmip/operations.ts'
import { atLeast, versions as all, type Version } from '../../wire/kmip/version.ts'

type ProfileName = EnumName<'ProfileName'>
type ProfileInformation = NonNullable<Response<'Query'>['ProfileInformation']>[number]

interface Claim {
  /** Its name in the enumeration, without the version. */
  readonly profile: string
  /** Its cases, as the conformance counts name them; null: only the specification's clauses define it. */
  readonly cases: string | null
  readonly versions: readonly Version[]
}

export const profileClaims: readonly Claim[] = [
  // The authentication suite is TLS 1.2, with client certificates. The Basic suite needs TLS 1.0.
  { profile: 'BaselineServerTLSV1_2', cases: null, versions: ['1.2', '1.3', '1.4'] },
  { profile: 'TapeLibraryServer', cases: 'TL (mandatory)', versions: all },
  {
    profile: 'SymmetricKeyLifecycleServer',
    cases: 'SKLC (mandatory)',
    versions: ['1.0', '1.1', '1.2', '1.3', '1.4', '2.1', '3.0'],
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
    versions: all,
  },
  {
    profile: 'StorageArrayWithSelfEncryptingDriveServer',
    cases: 'SASED (mandatory)',
    versions: all,
  },
  {
    profile: 'RNGCryptographicServer',
    cases: 'CS-RNG (mandatory)',
    versions: ['1.2', '1.3', '1.4', '2.0', '2.1', '3.0'],
  },
  { profile: 'BasicCryptographicServer', cases: 'CS-BC (mandatory)', versions: ['2.1', '3.0'] },
  {
    profile: 'AdvancedCryptographicServer',
    cases: 'CS-AC (mandatory)',
    versions: ['1.4', '2.0', '2.1', '3.0'],
  },
  { profile: 'AESXTSServer', cases: 'AX (mandatory)', versions: ['2.0', '2.1', '3.0'] },
]

/** The name of a profile in one version: since 2.0 the version is a separate field. */
export function profileName(profile: string, version: Version): string {
  if (atLeast(version, '2.0')) return profile
  return `${profile}KMIPV${version.replace('.', '_')}`
}

/** The profiles that this server claims to a client of this version. */
export function claimedProfiles(version: Version): readonly ProfileInformation[] {
  return profileClaims.flatMap(({ profile, versions }) =>
    versions.flatMap((one): ProfileInformation[] => {
      const name = profileName(profile, one)
      const isSaid = isProfile(name) && isDefined(enums.ProfileName[name], version) && atLeast(version, one)
      return isSaid ? [{ ProfileName: name, ...(atLeast(one, '2.0') && versionOf(one)) }] : []
    }),
  )
}

function versionOf(version: Version): Pick<ProfileInformation, 'ProfileVersion'> {
  const { ProtocolVersionMajor, ProtocolVersionMinor } = protocolVersionOf(version)
  return {
    ProfileVersion: { ProfileVersionMajor: ProtocolVersionMajor, ProfileVersionMinor: ProtocolVersionMinor },
  }
}

export function isProfile(name: string): name is ProfileName {
  return Object.hasOwn(enums.ProfileName, name)
}
