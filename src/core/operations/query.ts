// Query (KMIP 1.4 §4.25): what this server supports. It touches no key, so it is counted in metrics but not audited.

import { operationExistsIn, type Request, type Response } from '../../wire/kmip/operations.ts'
import { groupNames } from '../../wire/kmip/attributes3.ts'
import { enums, type EnumName } from '../../wire/kmip/enums.ts'
import { isDefined } from '../../wire/kmip/tags.ts'
import { ownGenerator } from '../keys/object/initial-attributes.ts'
import { storageMasks } from '../keys/object/newer-attributes.ts'
import { rulesFor } from '../keys/object/object-rules.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { Context, Handler } from './handler.ts'
import { defaultsOf } from './object-rules.ts'
import { claimedProfiles } from './profiles.ts'

const objectTypes = Object.keys(enums.ObjectType) as readonly EnumName<'ObjectType'>[]

/** Credentials of 3.0, a draft, that Create Credential refuses. */
const notKept: ReadonlySet<string> = new Set([
  'DeviceCredential',
  'OneTimePasswordCredential',
  'HashedPasswordCredential',
])

export const query: Handler<'Query'> = async ({ version, server, transaction }, request) => {
  const functions = new Set(request.QueryFunction)
  const ifRequested = <T>(name: EnumName<'QueryFunction'>, values: readonly T[]) =>
    functions.has(name) ? values : []
  const operations = server.operations.filter((name) => operationExistsIn(name, version))
  return {
    Operation: ifRequested('QueryOperations', operations),
    ObjectType: ifRequested(
      'QueryObjects',
      objectTypes.filter((name) => isDefined(enums.ObjectType[name], version) && !notKept.has(name)),
    ),
    VendorIdentification: functions.has('QueryServerInformation') ? `Mortise ${server.version}` : undefined,
    ApplicationNamespace: [],
    RNGParameters: ifRequested('QueryRNGs', [ownGenerator]),
    ValidationInformation: ifRequested('QueryValidations', validations(server.fips)),
    ProfileInformation: ifRequested('QueryProfiles', claimedProfiles(version)),
    ...(functions.has('QueryStorageProtectionMasks') && {
      ProtectionStorageMasks: { ProtectionStorageMask: storageMasks },
    }),
    ...(functions.has('QueryDefaultsInformation') && {
      DefaultsInformation: await defaultsInformation(transaction, request, version),
    }),
    CapabilityInformation: ifRequested('QueryCapabilities', [capabilities]),
  }
}

/** KMIP 1.4 §2.1.20. It names the module that computes, and no authority: only the module's maker may claim a validation. */
function validations(fips: string | null) {
  if (fips === null) return []
  const [major = 0, minor = 0] = fips.split('.').map(Number)
  return [
    {
      ValidationAuthorityType: 'Unspecified',
      ValidationVersionMajor: Number.isInteger(major) ? major : 0,
      ValidationVersionMinor: minor,
      ValidationType: 'Software',
      ValidationLevel: 0,
      ValidationProfile: [`OpenSSL FIPS provider ${fips}; Mortise claims no certificate`],
    } as const,
  ]
}

/** KMIP 2.1 §6.1.40: the defaults for the requested groups; without groups, all defaults. */
async function defaultsInformation(
  transaction: Context['transaction'],
  { ObjectGroups }: Request<'Query'>,
  version: Version,
): Promise<Response<'Query'>['DefaultsInformation']> {
  const rules = await transaction.rules.defaults()
  const selected = ObjectGroups ? rulesFor(rules, groupNames(ObjectGroups)) : rules
  return { ObjectDefaults: selected.flatMap((rule) => defaultsOf(rule, version)) }
}

const capabilities = {
  StreamingCapability: true,
  AsynchronousCapability: true,
  AttestationCapability: false,
  BatchUndoCapability: true,
  BatchContinueCapability: true,
  UnwrapMode: 'Processed',
  DestroyAction: 'KeyMaterialDeleted',
  RNGMode: 'SharedInstantiation',
} as const
