// Which certificates go into a PKCS#12 container: those of one chain, however the links of the clients lead.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { asPkcs12 } from '../../../src/keys/certificates/pkcs12.ts'
import type { FetchedObject } from '../../../src/keys/acts/fetch-object.ts'
import { limits } from '../../../src/limits.ts'
import type { TransactionObjects } from '../../../src/keys/transaction/transaction-objects.ts'
import { attributeSet, faults } from '../../support/core.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const bytes = privateKey.export({ type: 'pkcs8', format: 'der' })

const nothing = () => undefined

const links = (LinkType: string, to: readonly string[]) =>
  to.map((LinkedObjectIdentifier) => ({ LinkType, LinkedObjectIdentifier }))

/** The certificates in the container of a private key, as each object leads to others. */
async function chainOf(
  leads: Readonly<Record<string, readonly string[]>>,
  LinkType = 'PKCS_12CertificateLink',
  key: FetchedObject['material'] = { bytes, head: { keyFormatType: 'PKCS_8' } },
) {
  let taken: readonly Uint8Array[] = []
  const objects = {
    staged: { begin: nothing, done: nothing, opened: nothing, nowMs: 0 },
    live: async (id: string) => ({
      id,
      objectType: { password: 'SecretData', public: 'PublicKey' }[id] ?? 'Certificate',
      state: 'Active',
      attributes: attributeSet({ Link: links(LinkType, leads[id] ?? []) }),
    }),
    open: async ({ id }: { readonly id: string }) => ({
      bytes: Buffer.from(id),
      head: { secretDataType: 'Password' },
    }),
    compute: async (
      _what: string,
      {
        certificates,
        privateKey: own,
      }: { readonly certificates: readonly Uint8Array[]; readonly privateKey: Buffer },
    ) => {
      assert.deepEqual(own, bytes, 'the key is in PKCS#8, whatever it is stored in')
      taken = certificates
      return Buffer.of()
    },
  } as unknown as TransactionObjects
  const attributes = attributeSet({
    Link: [
      ...links('PKCS_12PasswordLink', ['password']),
      ...links(LinkType, leads['key'] ?? []),
      ...links('PublicKeyLink', leads['pair'] ?? []),
    ],
  })
  await asPkcs12(objects, {
    uniqueIdentifier: 'key',
    objectType: 'PrivateKey',
    attributes,
    allAttributes: () => attributes,
    material: key,
  })
  return taken.map((one) => Buffer.from(one).toString())
}

test('the chain ends where it leads nowhere, or to a certificate that it has, and is no longer than any real one', async () => {
  assert.deepEqual(await chainOf({}), [])
  assert.deepEqual(await chainOf({ key: ['own'], own: ['ca'] }), ['own', 'ca'])
  assert.deepEqual(await chainOf({ key: ['own'], own: ['ca'], ca: ['ca'] }), ['own', 'ca'])
  const long = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, [`c${i + 1}`]]))
  assert.equal((await chainOf({ key: ['c0'], ...long })).length, limits.certificateChainMax)
})

test('it begins at the key, or else at its public key, and is one chain of certificates', async () => {
  const by = 'CertificateLink'
  assert.deepEqual(await chainOf({ pair: ['public'], public: ['own'], own: ['ca'] }, by), ['own', 'ca'])
  assert.deepEqual(await chainOf({ key: ['mine'], pair: ['public'], public: ['own'] }, by), ['mine'])
  assert.deepEqual(await chainOf({ pair: ['public'], public: ['own'] }), [], 'links of another type')
  for (const leads of [
    { key: ['own', 'other'] },
    { key: ['own'], own: ['ca', 'other'] },
    { key: ['public'] },
  ])
    await assert.rejects(chainOf(leads), faults('InvalidField'))
})

test('a private key that the server can read is given, in whichever format it is stored, and no other', async () => {
  const sec1 = privateKey.export({ type: 'sec1', format: 'der' })
  const links = { key: ['own'] }
  const given = async (key: FetchedObject['material']) => chainOf(links, undefined, key)
  assert.deepEqual(await given({ bytes: sec1, head: { keyFormatType: 'ECPrivateKey' } }), ['own'])
  const refused = faults('KeyFormatTypeNotSupported', /only a private key that this server can read/)
  await assert.rejects(given({ bytes: Buffer.from('any'), head: {} }), refused)
  const wrapping = { data: '', isInKeyValue: false }
  await assert.rejects(given({ bytes, head: { keyFormatType: 'PKCS_8', wrapping } }), refused)
})
