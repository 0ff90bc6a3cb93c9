// Query claims exactly what is true: each profile that is claimed has all its mandatory cases pass, none that has is left out, and
// what else Query says follows from the tables.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { enums } from '../../../src/wire/kmip/enums.ts'
import { isDefined } from '../../../src/wire/kmip/tags.ts'
import { atLeast, versions, type Version } from '../../../src/wire/kmip/version.ts'
import { handledOperations } from '../../../src/core/operations/handlers.ts'
import {
  claimedProfiles,
  profileClaims,
  isProfile,
  profileName,
} from '../../../src/core/operations/profiles.ts'
import type { Counts } from '../../support/repository/conformance-counts.ts'

const counts = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../conformance-floor.json'), 'utf8'),
) as Counts

/** Their cases say nothing of what the profile is about: another encoding, or certificates of certain curves. */
const notClaimed: ReadonlySet<string> = new Set([
  'MSGENC-HTTPS (mandatory)',
  'MSGENC-JSON (mandatory)',
  'MSGENC-XML (mandatory)',
  'SUITEB-128 (mandatory)',
  'SUITEB-192 (mandatory)',
  // It also asks for Set Endpoint Role, which has no case.
  'BL (mandatory)',
  // Its cases call three functions, of more than ninety.
  'PKCS11 (mandatory)',
  // Its cases pass with any TLS 1.3.
  'QS (mandatory)',
])
/** No enumeration of 1.x names this one. */
const onlyNewer = 'AX (mandatory)'

test('a profile is claimed in those versions in which all its mandatory cases pass, and only there', () => {
  for (const version of versions)
    for (const [cases, { passed, of }] of Object.entries(counts[version] ?? {})) {
      if (!cases.endsWith('(mandatory)') || notClaimed.has(cases)) continue
      if (cases === onlyNewer && !atLeast(version, '2.0')) continue
      const claimed = profileClaims.some((one) => one.cases === cases && one.versions.includes(version))
      assert.equal(claimed, passed === of, `KMIP ${version} ${cases}: ${passed} of ${of} pass`)
    }
  for (const { cases, versions: claimed } of profileClaims)
    for (const version of claimed)
      assert.ok(cases === null || counts[version]?.[cases], `KMIP ${version} ${cases} has no cases`)
})

function of(version: Version): ReadonlySet<string> {
  return new Set<string>(claimedProfiles(version).map(({ ProfileName }) => ProfileName))
}

test('the claims are names of the enumeration, each version names its own and older ones, and 1.2 none', () => {
  for (const { profile, versions: claimed } of profileClaims)
    for (const version of claimed)
      assert.ok(isProfile(profileName(profile, version)), profileName(profile, version))
  assert.ok(of('1.3').has('TapeLibraryServerKMIPV1_0') && !of('1.3').has('TapeLibraryServerKMIPV1_4'))
  assert.ok(of('1.4').has('TapeLibraryServerKMIPV1_4'))
  assert.equal(of('1.2').size, 0)
  assert.ok(of('2.1').has('TapeLibraryServer') && !of('2.1').has('TapeLibraryServerKMIPV1_4'))
  for (const version of versions)
    for (const { ProfileName: name } of claimedProfiles(version))
      assert.ok(isDefined(enums.ProfileName[name], version))
})

test('the operations of a baseline server are handled', () => {
  const baseline = [
    'Activate',
    'AddAttribute',
    'Check',
    'DeleteAttribute',
    'Destroy',
    'DiscoverVersions',
    'Get',
    'GetAttributeList',
    'GetAttributes',
    'Locate',
    'ModifyAttribute',
    'Query',
    'Revoke',
  ] as const
  for (const operation of baseline)
    assert.ok((handledOperations as readonly string[]).includes(operation), operation)
})
