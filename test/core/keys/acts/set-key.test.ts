// What a manager sets of one key: which keys may be wrapping keys of their instance, how many there are, and what the change writes.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { KeySettings } from '../../../../src/core/keys/acts/set-key.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { wrappingKeysMax } from '../../../../src/core/keys/acts/set-key.ts'
import type { Caller } from '../../../../src/core/trust/caller.ts'
import {
  attributeSet,
  createKey,
  faults,
  look,
  manager,
  openCoreWithClient,
} from '../../../support/server/core.ts'

const wraps = { CryptographicUsageMask: maskOf('CryptographicUsageMask', ['WrapKey', 'UnwrapKey']) }

async function opened(t: TestContext) {
  const site = await openCoreWithClient(t, {}, { restrictions: 'as-sent' })
  const { core, instance, perform } = site
  const identify = async (): Promise<Caller> => ({
    instanceId: instance.id,
    actor: manager,
    allow: ['all'],
    trustVersion: (await core.access.snapshot()).version,
    requestId: 'request-2',
  })
  const set = (id: string, settings: KeySettings) =>
    core.keys.perform(identify, (work) => work.setKey(id, settings))
  const listed = async (from = core) => (await from.access.instance(instance.id))?.wrappingKeys
  const make = (more: Readonly<Record<string, unknown>> = { Sensitive: true }) =>
    perform(createKey({ ...wraps, ...more }))
  return { ...site, set, listed, make }
}

test('a key that clients cannot read is named, once, and stays in the list when it is to wrap no more', async (t) => {
  const { core, set, listed, make } = await opened(t)
  const [sensitive, kept] = [await make(), await make({ Extractable: false })]
  await set(sensitive, { wrapsSensitive: false })
  assert.equal(await listed(), undefined, 'it never wrapped: nothing is written')
  await set(sensitive, { wrapsSensitive: true })
  await set(kept, { wrapsSensitive: true })
  await set(sensitive, { wrapsSensitive: true })
  await set(sensitive, { wrapsSensitive: false })
  const expected = [
    { id: kept, wraps: true },
    { id: sensitive, wraps: false },
  ]
  assert.deepEqual(await listed(), expected)
  assert.deepEqual(
    look(core.file, 'SELECT feature FROM least_version').map(({ feature }) => feature),
    ['one-way-restrictions'],
  )
  const again = await core.reopen()
  assert.deepEqual(await listed(again), expected)
})

test('a key that opens what it wraps for its clients is refused, with what to do', async (t) => {
  const { perform, set, listed, make } = await opened(t)
  const plain = await make({})
  await assert.rejects(
    set(plain, { wrapsSensitive: true }),
    faults('IllegalOperation', /Make it Sensitive or not Extractable first/),
  )
  const other = await perform(createKey({ Sensitive: true }))
  await assert.rejects(set(other, { wrapsSensitive: true }), faults('IllegalOperation', /Usage Mask/))
  const gone = await make()
  await perform((work) => work.destroy(gone))
  await assert.rejects(set(gone, { wrapsSensitive: true }), faults('ObjectDestroyed'))
  await assert.rejects(set('no such key', { wrapsSensitive: true }), faults('ObjectNotFound'))
  assert.equal(await listed(), undefined)
})

test('a public key is named where its private key is not here, linked or not', async (t) => {
  const { perform, set, listed } = await opened(t)
  const mask = maskOf('CryptographicUsageMask', ['WrapKey'])
  const curve = { CryptographicAlgorithm: 'EC', CryptographicDomainParameters: { RecommendedCurve: 'P_256' } }
  const pair = await perform((work) =>
    work.createKeyPair({
      publicKey: attributeSet({ ...curve, CryptographicUsageMask: mask }),
      privateKey: attributeSet({
        ...curve,
        CryptographicUsageMask: maskOf('CryptographicUsageMask', ['UnwrapKey']),
      }),
    }),
  )
  const here = /its private key is on this server/
  await assert.rejects(set(pair.publicKey, { wrapsSensitive: true }), faults('IllegalOperation', here))
  await perform((work) => work.deleteAllInstances(pair.publicKey, { key: 'Link', version: '2.0' }))
  await assert.rejects(set(pair.publicKey, { wrapsSensitive: true }), faults('IllegalOperation', here))
  await assert.rejects(set(pair.privateKey, { wrapsSensitive: true }), faults('IllegalOperation'))
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const brought = await perform((work) =>
    work.register(
      { objectType: 'PublicKey', attributes: attributeSet({ CryptographicUsageMask: mask }) },
      { bytes: publicKey.export({ format: 'der', type: 'spki' }), head: { keyFormatType: 'X_509' } },
    ),
  )
  await set(brought, { wrapsSensitive: true })
  assert.deepEqual(await listed(), [{ id: brought, wraps: true }])
})

test('an instance has a bounded number of them, and those that are destroyed for good make room', async (t) => {
  const { perform, set, listed, make } = await opened(t)
  const ids: string[] = []
  for (let count = 0; count < wrappingKeysMax; count++) {
    ids.push(await make())
    await set(ids.at(-1) ?? '', { wrapsSensitive: true })
  }
  const more = await make()
  await assert.rejects(
    set(more, { wrapsSensitive: true }),
    faults('ServerLimitExceeded', /100 wrapping keys/),
  )
  await perform((work) => work.destroy(ids[0] ?? ''))
  await set(more, { wrapsSensitive: true })
  const after = (await listed()) ?? []
  assert.equal(after.length, wrappingKeysMax)
  assert.ok(!after.some(({ id }) => id === ids[0]))
})

test('a manager undoes that a key is Sensitive or not Extractable, and the key remembers', async (t) => {
  const { core, instance, perform, set, make } = await opened(t)
  await core.trust.instances.update(manager, instance.id, { restrictions: 'one-way' })
  const key = await make({ Sensitive: true, Extractable: false })
  const fetched = () => perform((work: KeyTransaction) => work.fetch(key))
  await assert.rejects(async () => fetched(), faults('NotExtractable'))
  await set(key, { extractable: true })
  await assert.rejects(async () => fetched(), faults('Sensitive'))
  await set(key, { sensitive: false })
  await fetched()
  const { attributes } = (await core.keys.show(instance.id, key)) ?? assert.fail()
  const names = ['Sensitive', 'AlwaysSensitive', 'Extractable', 'NeverExtractable'] as const
  assert.deepEqual(
    names.map((name) => first(attributes, name)),
    [false, false, true, false],
  )
  const { entries } = await core.audit.list({ order: 'oldest', limit: 500, object: key })
  const told = entries.map(({ body }) => JSON.parse(body) as { action: string; detail: object })
  assert.deepEqual(
    told.filter(({ action }) => action === 'key.set').map(({ detail }) => detail),
    [{ extractable: true }, { sensitive: false }],
  )
})
