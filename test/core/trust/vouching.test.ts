// Which CAs vouch for a leaf, and which of two instances gets it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsedAuthorities, vouching } from '../../../src/core/trust/vouching.ts'
import { anAuthority, textRules } from './trust-values.ts'

const leaf = Buffer.from('esx1 signed by A')

/** Ids of the CAs that vouch for the leaf. */
function named(...authorities: Parameters<typeof anAuthority>[]): readonly string[] {
  const parsed = parsedAuthorities(authorities.map((one) => anAuthority(...one)))
  return vouching(parsed, leaf, textRules).map(({ authority }) => authority.id)
}

test('a CA vouches if it signed the leaf and the subject fits', () => {
  assert.deepEqual(named(['A', ['c', 'i']]), ['A'])
  assert.deepEqual(named(['B', ['c', 'i']]), [], 'another CA')
  assert.deepEqual(named(['A', ['c', 'i'], { subject: 'esx*' }]), ['A'])
  assert.deepEqual(named(['A', ['c', 'i'], { subject: 'vc*' }]), [], 'another subject')
  assert.deepEqual(named(), [])
})

test('the CA that was trusted first decides the instance, whatever the order of the rows', () => {
  const old = ['old', ['c', 'i'], { ca: 'A', sinceVersion: 2 }] as const
  const renewed = ['renewed', ['c', 'i'], { ca: 'A anew', sinceVersion: 9 }] as const
  const other = ['other', ['d', 'j'], { ca: 'A', sinceVersion: 5 }] as const
  assert.deepEqual(named([...old], [...other], [...renewed]), ['old', 'renewed'])
  assert.deepEqual(named([...renewed], [...other], [...old]), ['old', 'renewed'])
  assert.deepEqual(named([...renewed], [...other]), ['other'])
})
