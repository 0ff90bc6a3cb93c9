// Which certificates go into a PKCS#12 container: those of one chain, however the links of the clients lead.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { asPkcs12, importPkcs12, registerPkcs12 } from '../../../../src/core/keys/certificates/pkcs12.ts'
import type { FetchedObject } from '../../../../src/core/keys/acts/fetch-object.ts'
import { certificateChainMax, uniqueIdentifierBytesMax } from '../../../../src/base/bounds.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import { first, type AttributeSet } from '../../../../src/wire/kmip/attributes.ts'
import { makeAuthority } from '../../../../src/core/pki/issue.ts'
import { attributeSet, faults } from '../../../support/server/core.ts'

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
  assert.deepEqual(await chainOf({ undefined: ['own'] }, 'CertificateLink'), [], 'no public key leads on')
  assert.deepEqual(await chainOf({ key: ['own'], own: ['ca'] }), ['own', 'ca'])
  assert.deepEqual(await chainOf({ key: ['own'], own: ['ca'], ca: ['ca'] }), ['own', 'ca'])
  const long = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, [`c${i + 1}`]]))
  assert.equal((await chainOf({ key: ['c0'], ...long })).length, certificateChainMax)
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

type Kept = readonly [string, AttributeSet]

/** A container that has this name, under a password of this kind. */
async function openRegistering(
  friendlyName: string | undefined,
  password: object = {},
  secretDataType = 'Password',
) {
  const kept: Kept[] = []
  const certificates = await Promise.all(
    ['own', 'ca'].map(async (commonName) => (await makeAuthority({ commonName, nowMs: 0 })).certificate.der),
  )
  const entries: unknown[] = []
  const objects = {
    staged: {
      begin: (...act: unknown[]) => entries.push(act),
      done: (told: unknown) => entries.push(told),
      opened: nothing,
      nowMs: 0,
    },
    live: async () => ({
      objectType: 'SecretData',
      state: 'Active',
      attributes: attributeSet({}),
      ...password,
    }),
    open: async () => ({ bytes: Buffer.from('password'), head: { secretDataType } }),
    compute: async () => ({ privateKey: Buffer.from(bytes), certificates, friendlyName }),
    keep: async ({
      objectType,
      attributes,
    }: {
      readonly objectType: string
      readonly attributes: AttributeSet
    }) => `object ${kept.push([objectType, attributes])}`,
  } as unknown as TransactionObjects
  return { objects, kept, entries }
}

async function registered(...how: Parameters<typeof openRegistering>) {
  const { objects, kept, entries } = await openRegistering(...how)
  const attributes = attributeSet({ Link: links('PKCS_12PasswordLink', ['secret']) })
  const id = await registerPkcs12(objects, { container: Buffer.alloc(5), stated: {}, attributes })
  return { id, kept, entries }
}

const register = (object: string, objectType: string) => [
  ['key.register', null],
  { object, detail: { objectType } },
]

test('a container becomes its certificates, each below the one of its issuer, and its key; the key and its own certificate have its name', async () => {
  const { id, kept, entries } = await registered('name')
  const told = kept.map(([type, set]) => [
    type,
    first(set, 'PKCS_12FriendlyName'),
    (set.get('Link') ?? []).map(
      ({ value }) => (value as { LinkedObjectIdentifier: string }).LinkedObjectIdentifier,
    ),
  ])
  assert.deepEqual(told, [
    ['Certificate', undefined, []],
    ['Certificate', 'name', ['object 1']],
    ['PrivateKey', 'name', ['secret', 'object 2']],
  ])
  assert.equal(id, 'object 3')
  assert.deepEqual(entries, [
    ['key.unwrap', 'secret'],
    { detail: { bytes: 5, certificates: 2 } },
    ...register('object 1', 'Certificate'),
    ...register('object 2', 'Certificate'),
    ...register('object 3', 'PrivateKey'),
  ])
  const unnamed = await registered(undefined)
  assert.ok(unnamed.kept.every(([, set]) => !set.has('PKCS_12FriendlyName')))
})

test('the password of a container is an active password', async () => {
  const other = faults('InvalidField', /does not lead to a password/)
  await assert.rejects(registered('name', { objectType: 'SymmetricKey' }), other)
  await assert.rejects(registered('name', {}, 'Seed'), other)
  await assert.rejects(
    registered('name', { state: 'PreActive' }),
    faults('WrongKeyLifecycleState', /not Active/),
  )
})

const tooLong = 'k'.repeat(uniqueIdentifierBytesMax + 1)

test('an imported container gives its certificates only to a key that is new and states none', async () => {
  const imported = async (here: object | undefined, stated: readonly string[] = []) => {
    const { objects, kept, entries } = await openRegistering('name')
    Object.assign(objects.staged, { load: async () => here })
    const attributes = attributeSet({
      Link: [...links('PKCS_12PasswordLink', ['secret']), ...links('PKCS_12CertificateLink', stated)],
    })
    const key = { uniqueIdentifier: tooLong, objectType: 'PrivateKey', attributes, state: undefined } as const
    const wanted = { ...key, replace: false, unwrap: false }
    const refused = importPkcs12(objects, { container: Buffer.alloc(5), stated: {} }, wanted)
    // The import itself ends here: its own tests say what it does.
    await assert.rejects(refused, faults('InvalidField', /an identifier has/))
    return { kept: kept.length, begun: entries.at(-1) }
  }
  const importing = ['key.import', tooLong]
  assert.deepEqual(await imported(undefined), { kept: 2, begun: importing })
  assert.deepEqual(await imported({}), { kept: 0, begun: importing })
  assert.deepEqual(await imported(undefined, ['own']), { kept: 0, begun: importing })
})

test('a container has one password', async () => {
  const { objects } = await openRegistering('name')
  for (const passwords of [[], ['one', 'another']]) {
    const attributes = attributeSet({ Link: links('PKCS_12PasswordLink', passwords) })
    await assert.rejects(
      registerPkcs12(objects, { container: Buffer.alloc(5), stated: {}, attributes }),
      faults('InvalidField', /needs one PKCS#12 Password Link/),
    )
  }
})
