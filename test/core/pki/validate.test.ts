// What a chain says of itself beyond its signatures: how many CAs a CA allows below it, and what only others can judge.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Extension,
  id_ce_basicConstraints,
  id_ce_nameConstraints,
} from '@peculiar/asn1-x509'
import { validateChain } from '../../../src/core/pki/validate.ts'
import { makeCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'

/** Allows so many CAs between itself and a leaf; left out: any number. */
function authority(pathLenConstraint?: number): Extension {
  const value = new BasicConstraints({
    cA: true,
    ...(pathLenConstraint !== undefined && { pathLenConstraint }),
  })
  const extnValue = new OctetString(AsnConvert.serialize(value))
  return new Extension({ extnID: id_ce_basicConstraints, critical: true, extnValue })
}

/** Certificates from the root to the leaf, each issued by the one before it. */
async function chain(...extensions: readonly (readonly Extension[])[]): Promise<readonly Uint8Array[]> {
  const made: TestIdentity[] = []
  for (const [index, own] of extensions.entries()) {
    const issuer = made.at(-1)
    const about = { commonName: `number ${index}`, key: 'ec', ownKey: true, extensions: own } as const
    made.push(await makeCertificate({ ...about, ...(issuer && { issuer }) }))
  }
  return made.map(({ certificate }) => certificate.der)
}

test('a CA with a path length allows so many CAs below it, and no more', async () => {
  for (const [lengths, expected] of [
    [[undefined, undefined, undefined], 'Valid'],
    [[2, 1, 0], 'Valid'],
    [[2, 0, undefined], 'Invalid'],
    [[1, undefined, undefined], 'Invalid'],
    [[0], 'Valid'],
    [[0, undefined], 'Invalid'],
  ] as const) {
    const authorities = lengths.map((length) => [authority(length)])
    assert.equal(validateChain(await chain(...authorities, []), Date.now()), expected, String(lengths))
  }
})

/** Judges a chain whose lower CA has this extension besides. */
async function judged(extnID: string, critical: boolean): Promise<string> {
  const extnValue = new OctetString(new Uint8Array([0x30, 0]))
  const extension = new Extension({ extnID, critical, extnValue })
  return validateChain(await chain([authority()], [authority(), extension], []), Date.now())
}

test('a chain with constraints that are not looked at is neither valid nor invalid', async () => {
  assert.equal(await judged(id_ce_nameConstraints, true), 'Unknown')
  assert.equal(await judged('1.3.6.1.4.1.99999.1', true), 'Unknown')
  assert.equal(await judged('1.3.6.1.4.1.99999.1', false), 'Valid')
})
