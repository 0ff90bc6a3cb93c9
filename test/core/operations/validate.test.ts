// Validate (KMIP 1.4 §4.24) through the mTLS listener: which chains hold.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { issueClient, makeAuthority, type SigningIdentity } from '../../../src/core/pki/issue.ts'
import { attribute, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
let ca: SigningIdentity
let leaf: SigningIdentity
let other: SigningIdentity
useServer((_server, opened) => {
  session = opened
})

before(async () => {
  const nowMs = Date.now()
  ca = await makeAuthority({ commonName: 'CA', nowMs })
  // The same name and another key: only the signature tells them apart.
  other = await makeAuthority({ commonName: 'CA', nowMs })
  leaf = await issueClient({ ca, commonName: 'leaf', nowMs })
})

const der = ({ certificate }: SigningIdentity) => Buffer.from(certificate.der)

async function validity(certificates: readonly Buffer[], more: Partial<Request<'Validate'>> = {}) {
  const Certificate = certificates.map((CertificateValue) => ({
    CertificateType: 'X_509' as const,
    CertificateValue,
  }))
  return (await session.ask('1.4', 'Validate', { Certificate, UniqueIdentifier: [], ...more }))
    .ValidityIndicator
}

test('a chain that ends in its root holds, in any order; without the root nobody knows', async () => {
  assert.equal(await validity([der(leaf), der(ca)]), 'Valid')
  assert.equal(await validity([der(ca), der(leaf)]), 'Valid')
  assert.equal(await validity([der(ca)]), 'Valid')
  assert.equal(await validity([der(leaf)]), 'Unknown')
})

test('what is damaged, signed by another, out of date or no chain is invalid', async () => {
  const altered = der(leaf)
  altered.writeUInt8((altered.at(-1) ?? 0) ^ 1, altered.length - 1)
  for (const chain of [
    [altered, der(ca)],
    [der(leaf), der(other)],
    [der(leaf), der(ca), der(other)],
    [Buffer.from('none')],
  ])
    assert.equal(await validity(chain), 'Invalid')
  const before2000 = BigInt(Date.UTC(1999, 0)) / 1000n
  assert.equal(await validity([der(leaf), der(ca)], { ValidityDate: before2000 }), 'Invalid')
  const byLeaf = await issueClient({ ca: leaf, commonName: 'below a leaf', nowMs: Date.now() }).catch(
    () => undefined,
  )
  if (byLeaf) assert.equal(await validity([der(byLeaf), der(leaf), der(ca)]), 'Invalid', 'a leaf is no CA')
})

test('certificates that are here count too, and one that was revoked makes the chain invalid', async () => {
  const registered = async (CertificateValue: Buffer) =>
    (
      await session.ask('1.4', 'Register', {
        ObjectType: 'Certificate',
        ...template([attribute('Cryptographic Usage Mask', 0)]),
        Certificate: { CertificateType: 'X_509', CertificateValue },
      })
    ).UniqueIdentifier
  const ids = [await registered(der(leaf)), await registered(der(ca))] as const
  assert.equal(await validity([], { UniqueIdentifier: ids }), 'Valid')
  assert.equal(await validity([der(leaf)], { UniqueIdentifier: [ids[1]] }), 'Valid')
  const RevocationReason = { RevocationReasonCode: 'KeyCompromise' } as const
  await session.ask('1.4', 'Revoke', {
    UniqueIdentifier: ids[0],
    RevocationReason,
    CompromiseOccurrenceDate: 1n,
  })
  assert.equal(await validity([], { UniqueIdentifier: ids }), 'Invalid')
  assert.equal(
    await session.refused('1.4', 'Validate', { Certificate: [], UniqueIdentifier: [] }),
    'InvalidMessage',
  )
  assert.equal(
    await session.refused('1.4', 'Validate', { Certificate: [], UniqueIdentifier: ['none'] }),
    'ItemNotFound',
  )
  assert.equal(
    await session.refused('1.4', 'Validate', {
      Certificate: [],
      UniqueIdentifier: [await session.key('1.4')],
    }),
    'InvalidField',
  )
})
