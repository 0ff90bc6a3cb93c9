// Locate (KMIP 1.4 §4.9): by every attribute, by several at once, by ranges; newest first, in pages, and only what is
// there now and belongs to the instance.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import type { LocateQuery } from '../../../../src/core/keys/acts/locate.ts'
import type { Pace } from '../../../../src/core/keys/transaction/pace.ts'
import { attributeFact, attributeNames } from '../../../../src/wire/kmip/attribute-table.ts'
import { existsIn, searchKey } from '../../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../../src/wire/kmip/enums.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import { versions, type Version } from '../../../../src/wire/kmip/version.ts'
import type { ObjectQuery } from '../../../../src/core/ports/objects.ts'
import { StoreAround } from '../../../support/store/store-around.ts'
import { anyValue, valuesOf } from '../../../support/values/values.ts'
import {
  attributeSet,
  createKey,
  faults,
  makeInstance,
  openCoreWithClient,
  trustClient,
  name,
} from '../../../support/server/core.ts'

/** `wanted`: pairs of key and value. */
function search(
  wanted: readonly (readonly [string, unknown])[],
  more: Partial<LocateQuery> = {},
  version: Version = '2.1',
  pace?: Pace,
) {
  const query: LocateQuery = {
    criteria: wanted.map(([key, value]) => ({ key, value })),
    maximumItems: undefined,
    offsetItems: 0,
    storage: { online: true, destroyed: false },
    onlyFresh: false,
    countAll: true,
    ...more,
  }
  return (work: KeyTransaction) => work.locate(query, version, pace)
}

async function open(t: TestContext) {
  const opened = await openCoreWithClient(t)
  const find = async (...wanted: readonly (readonly [string, unknown])[]) =>
    (await opened.perform(search(wanted, {}, '3.0'))).uniqueIdentifiers
  return { ...opened, find }
}

test('an object is found by each attribute that it has, those that the server sets included', async (t) => {
  const { perform, find } = await open(t)
  const id = await perform(
    createKey({ Name: [name('a'), name('b')], ObjectGroup: 'group', 'x-One': { type: 'Integer', value: 1 } }),
  )
  const attributes = await perform((work) => work.attributes('key.attributes', id))
  assert.ok(attributes.size >= 18, [...attributes.keys()].join())
  for (const [key, instances] of attributes)
    for (const { value } of instances) assert.deepEqual(await find([key, value]), [id], key)
})

test('an attribute that is not stored is looked for together with others that are', async (t) => {
  const { perform, find } = await open(t)
  const id = await perform(createKey({ Name: name('a') }))
  await perform(createKey({ Name: name('b') }))
  for (const wanted of [['ObjectClass', 'User'] as const, ['Name', name('a')] as const])
    assert.ok((await find(wanted)).includes(id))
  assert.deepEqual(await find(['Name', name('a')], ['ObjectClass', 'User']), [id])
  assert.deepEqual(await find(['Name', name('a')], ['ObjectClass', 'System']), [])
})

/** Registered, so that any algorithm and length will do. */
const having = (key: string, value: unknown) => (work: KeyTransaction) => {
  const attributes = attributeSet({ [key]: value })
  return work.register({ objectType: 'SecretData', attributes }, { bytes: Buffer.of(1), head: {} })
}

test('every attribute: what has the value is found, and what has another is not', async (t) => {
  const { perform } = await open(t)
  const compared = attributeNames.filter(
    // The Key Format Type must be that of the material.
    // A link of 3.0 is stored as those of older versions. The count of Usage Limits is the server's: they have a test of their own.
    (key) =>
      !/Date$|UsageMask$|^KeyFormatType$|^UsageLimits$|.Link$/.test(key) && attributeFact(key).clientMaySet,
  )
  for (const key of compared) {
    const one = valuesOf(attributeFact(key).schema)
    const [a, b] = fc.sample(fc.tuple(one, one), 1)[0] ?? []
    const has = await perform(having(key, a))
    const version = versions.findLast((one) => existsIn(key, one))
    assert.ok(version)
    const find = async (value: unknown) =>
      (await perform(search([[key, value]], {}, version))).uniqueIdentifiers
    assert.ok((await find(a)).includes(has), `${key} ${searchKey(key, a)}`)
    // A structure is found by the fields that are given: those of b may all be in a.
    const isWhole = typeof b !== 'object' || b instanceof Uint8Array
    if (isWhole && searchKey(key, a) !== searchKey(key, b))
      assert.ok(!(await find(b)).includes(has), `${key} ${searchKey(key, a)}, not ${searchKey(key, b)}`)
  }
})

test('custom attributes of any type and many instances', async (t) => {
  const { perform, find } = await open(t)
  const values = fc.uniqueArray(anyValue(), {
    minLength: 2,
    maxLength: 4,
    selector: (v) => searchKey('x-Any', v),
  })
  await fc.assert(
    fc.asyncProperty(values, async ([missing, ...had]) => {
      const id = await perform(createKey({ 'x-Any': had }))
      for (const value of had) assert.ok((await find(['x-Any', value])).includes(id))
      assert.ok((await find(...had.map((value) => ['x-Any', value] as const))).includes(id), 'all of them')
      assert.ok(!(await find(['x-Any', missing])).includes(id))
      assert.ok(!(await find(['x-Any', missing], ['x-Any', had[0]])).includes(id), 'each must be there')
      assert.ok(!(await find(['x-Other', had[0]])).includes(id))
    }),
    { numRuns: 30 },
  )
})

test('all attributes must match', async (t) => {
  const { perform, find } = await open(t)
  const ids: string[] = []
  for (const group of ['one', 'two'])
    for (const text of ['a', 'b']) ids.push(await perform(createKey({ ObjectGroup: group, Comment: text })))
  assert.deepEqual(await find(['ObjectGroup', 'two'], ['Comment', 'a']), [ids[2]])
  assert.deepEqual(await find(['ObjectGroup', 'two'], ['Comment', 'c']), [])
  assert.deepEqual(await find(['ObjectGroup', 'two']), [ids[3], ids[2]])
  assert.deepEqual(await find(['Comment', 'a']), [ids[2], ids[0]])
})

test('one date is that second, two are a range with its ends, in any order', async (t) => {
  const { perform, find } = await open(t)
  const at = 1_900_000_000n
  const ids: string[] = []
  for (const more of [0n, 10n, 20n]) ids.push(await perform(createKey({ ActivationDate: at + more })))
  const none = await perform(createKey())
  const key = 'ActivationDate'
  assert.deepEqual(await find([key, at + 10n]), [ids[1]])
  assert.deepEqual(await find([key, at + 9n]), [])
  assert.deepEqual(await find([key, at], [key, at + 10n]), [ids[1], ids[0]])
  assert.deepEqual(await find([key, at + 20n], [key, at + 10n]), [ids[2], ids[1]], 'the later one first')
  assert.deepEqual(await find([key, at + 1n], [key, at + 9n]), [])
  assert.deepEqual(await find([key, at - 100n], [key, at + 100n]), ids.toReversed())
  assert.ok(!(await find([key, 0n], [key, 2n ** 62n])).includes(none), 'without a date it is in no range')
})

test('a usage mask finds what has all of its bits', async (t) => {
  const { perform, find } = await open(t)
  const key = 'CryptographicUsageMask'
  const [encrypt, both] = [maskOf(key, ['Encrypt']), maskOf(key, ['Encrypt', 'Decrypt'])]
  const one = await perform(createKey({ [key]: encrypt }))
  const two = await perform(createKey({ [key]: both }))
  const high = await perform(createKey({ [key]: 0x8000_0001 }))
  assert.deepEqual(await find([key, encrypt]), [two, one])
  assert.deepEqual(await find([key, both]), [two])
  assert.deepEqual(await find([key, 0x8000_0000]), [high])
  assert.deepEqual(await find([key, 0]), [high, two, one])
})

test('states are those of now', async (t) => {
  const { core, perform, find } = await open(t)
  const now = BigInt(core.clock.now() / 1000)
  const id = await perform(createKey({ ActivationDate: now + 5n, DeactivationDate: now + 10n }))
  assert.deepEqual(await find(['State', 'PreActive']), [id])
  assert.deepEqual(await find(['State', 'Active']), [])
  core.clock.pass(5_000)
  assert.deepEqual(await find(['State', 'Active']), [id])
  assert.deepEqual(await find(['State', 'PreActive']), [])
  core.clock.pass(5_000)
  assert.deepEqual(await find(['State', 'Deactivated']), [id])
})

test('a structure is found by the fields that are given', async (t) => {
  const { perform, find } = await open(t)
  const key = 'ApplicationSpecificInformation'
  const whole = { ApplicationNamespace: 'ssl', ApplicationData: 'www.example.com' }
  const id = await perform(createKey({ [key]: whole }))
  assert.deepEqual(await find([key, whole]), [id])
  assert.deepEqual(await find([key, { ApplicationNamespace: 'ssl' }]), [id])
  assert.deepEqual(await find([key, { ApplicationNamespace: 'ssl', ApplicationData: undefined }]), [id])
  assert.deepEqual(await find([key, { ApplicationNamespace: 'tls' }]), [])
  const parameters = { BlockCipherMode: 'CBC', PaddingMethod: 'PKCS5' }
  const other = await perform(createKey({ CryptographicParameters: parameters }))
  assert.deepEqual(await find(['CryptographicParameters', { BlockCipherMode: 'CBC' }]), [other])
  assert.deepEqual(await find(['CryptographicParameters', { BlockCipherMode: 'GCM' }]), [])
  const both = ['CBC', 'GCM'].map((mode) => ['CryptographicParameters', { BlockCipherMode: mode }] as const)
  assert.deepEqual(await find(...both), [], 'each must be there')
  const [one, two, three] = ['one', 'two', 'three'].map((text) => Buffer.from(text))
  const subject = { SubjectDistinguishedName: Buffer.from('dn'), SubjectAlternativeName: [one, two] }
  const named = await perform(createKey({ X_509CertificateSubject: subject }))
  for (const [SubjectAlternativeName, found] of [
    [[], [named]],
    [[two], [named]],
    [[two, one], [named]],
    [[one, three], []],
  ] as const)
    assert.deepEqual(await find(['X_509CertificateSubject', { SubjectAlternativeName }]), found)
})

test('of a structure that the object has, a field that is a list may be missing', async (t) => {
  const { perform, find } = await open(t)
  const key = 'X_509CertificateSubject'
  const bare = await perform(createKey({ [key]: { SubjectDistinguishedName: Buffer.from('dn') } }))
  assert.deepEqual(await find([key, { SubjectAlternativeName: [Buffer.from('one')] }]), [])
  assert.deepEqual(await find([key, { SubjectDistinguishedName: Buffer.from('dn') }]), [bare])
})

test('Usage Limits are found by as much as is asked for, or less, of the same unit', async (t) => {
  const { perform, find } = await open(t)
  const key = 'UsageLimits'
  const has = { UsageLimitsTotal: 10n, UsageLimitsCount: 5n, UsageLimitsUnit: 'Byte' }
  const id = await perform(createKey({ [key]: has }))
  const bytes = { UsageLimitsUnit: 'Byte' }
  for (const asked of [
    {},
    bytes,
    has,
    { UsageLimitsTotal: 9n },
    { UsageLimitsTotal: 10n },
    { UsageLimitsCount: 4n },
  ])
    assert.deepEqual(await find([key, asked]), [id], String(Object.keys(asked)))
  const one = { UsageLimitsTotal: 10n, UsageLimitsCount: 10n, UsageLimitsUnit: 'Byte' }
  for (const asked of [
    { UsageLimitsTotal: 11n },
    { ...one, UsageLimitsCount: 11n },
    { UsageLimitsUnit: 'Object' },
  ])
    assert.deepEqual(await find([key, asked]), [], String(Object.keys(asked)))
  assert.deepEqual(await find([key, bytes], [key, { UsageLimitsTotal: 11n }]), [], 'each must be there')
})

test('archived objects are found only where they are asked for, and then those alone unless others are too', async (t) => {
  const { perform } = await open(t)
  const [kept, stored] = [await perform(createKey()), await perform(createKey())]
  await perform((work) => work.archive(stored))
  const of = async (storage: LocateQuery['storage']) => perform(search([], { storage }))
  assert.deepEqual(await of({ online: true, destroyed: false }), { uniqueIdentifiers: [kept], total: 1 })
  assert.deepEqual((await of({ online: false, archived: true, destroyed: false })).uniqueIdentifiers, [
    stored,
  ])
  const both = await of({ online: true, archived: true, destroyed: false })
  assert.deepEqual(both.uniqueIdentifiers, [stored, kept])
  assert.deepEqual(await of({ online: false, destroyed: false }), { uniqueIdentifiers: [], total: 0 })
  assert.deepEqual((await of({ online: false, destroyed: true })).uniqueIdentifiers, [])
})

test('destroyed objects only where they are asked for', async (t) => {
  const { perform, find } = await open(t)
  const [kept, gone] = [
    await perform(createKey({ Name: name('kept') })),
    await perform(createKey({ Name: name('gone') })),
  ]
  await perform((work) => work.destroy(gone))
  assert.deepEqual(await find(), [kept])
  assert.deepEqual(await find(['Name', name('gone')]), [])
  assert.deepEqual(await find(['UniqueIdentifier', gone]), [])
  const all = { storage: { online: true, destroyed: true } }
  assert.deepEqual((await perform(search([], all))).uniqueIdentifiers, [gone, kept])
  assert.deepEqual((await perform(search([['Name', name('gone')]], all))).uniqueIdentifiers, [gone])
  assert.deepEqual((await perform(search([['State', 'Destroyed']], all))).uniqueIdentifiers, [gone])
  const of = async (online: boolean, destroyed: boolean) =>
    (await perform(search([], { storage: { online, destroyed } }))).uniqueIdentifiers
  assert.deepEqual(await of(false, true), [gone], 'only what was destroyed')
  assert.deepEqual(await of(false, false), [], 'nothing is archived')
})

test('of a group the fresh members, the first made first, until they were fetched', async (t) => {
  const { perform } = await open(t)
  const ids: string[] = []
  for (let i = 0; i < 3; i++) ids.push(await perform(createKey({ ObjectGroup: 'pool' })))
  const fresh = async () =>
    (await perform(search([['ObjectGroup', 'pool']], { onlyFresh: true }))).uniqueIdentifiers
  assert.deepEqual(await fresh(), ids)
  await perform((work) => work.fetch(ids[0] ?? ''))
  assert.deepEqual(await fresh(), ids.slice(1))
})

test('no version finds by an attribute that it does not have', async (t) => {
  const { perform } = await open(t)
  const id = await perform(createKey({ Comment: 'text' }))
  const found = async (version: Version) =>
    (await perform(search([['Comment', 'text']], {}, version))).uniqueIdentifiers
  assert.deepEqual(await found('1.4'), [id])
  assert.deepEqual(await found('1.3'), [])
})

test('another instance’s objects are never found', async (t) => {
  const { core, perform, find } = await open(t)
  const neighbour = await makeInstance(core, 'neighbour')
  const theirs = await trustClient(core, neighbour, 'theirs')
  const id = await core.keys.perform(theirs.identify, createKey({ Name: name('same'), ObjectGroup: 'same' }))
  const mine = await perform(createKey({ Name: name('same'), ObjectGroup: 'same' }))
  assert.deepEqual(await find(), [mine])
  assert.deepEqual(await find(['Name', name('same')]), [mine])
  assert.deepEqual(await find(['ObjectGroup', 'same']), [mine])
  assert.deepEqual(await find(['UniqueIdentifier', id]), [])
})

const inUnit = async (work: KeyTransaction, wanted: readonly (readonly [string, unknown])[]) =>
  (await search(wanted)(work)).uniqueIdentifiers

test('what a unit has staged is found in it as it will be, in its place in the order', async (t) => {
  const { core, perform, find } = await open(t)
  const old = await perform(createKey({ ObjectGroup: 'g' }))
  core.clock.pass(1_000)
  const young = await perform(createKey({ ObjectGroup: 'g' }))
  core.clock.pass(1_000)
  const made = await perform(async (work) => {
    const first = await createKey({ ObjectGroup: 'g' })(work)
    const second = await createKey({ ObjectGroup: 'g' })(work)
    assert.deepEqual(await inUnit(work, [['ObjectGroup', 'g']]), [second, first, young, old])
    await work.addAttribute(old, { key: 'x-A', value: { type: 'Integer', value: 1 }, version: '1.4' })
    assert.deepEqual(
      await inUnit(work, [['x-A', { type: 'Integer', value: 1 }]]),
      [old],
      'not yet in the index',
    )
    assert.deepEqual(
      await inUnit(work, [['ObjectGroup', 'g']]),
      [second, first, young, old],
      'a change moves none',
    )
    await work.deleteAttribute(young, { key: 'ObjectGroup', version: '1.4' })
    await work.destroy(first)
    assert.deepEqual(await inUnit(work, [['ObjectGroup', 'g']]), [second, old])
    assert.deepEqual(await inUnit(work, [['UniqueIdentifier', first]]), [])
    return second
  })
  assert.deepEqual(await find(['ObjectGroup', 'g']), [made, old])
})

test('the order of creation counts also where the clock stood still or went back', async (t) => {
  const { core, perform, find } = await open(t)
  const ids: string[] = []
  for (const passMs of [0, 0, -5_000]) {
    core.clock.pass(passMs)
    ids.push(await perform(createKey({ ObjectGroup: 'g' })))
  }
  const newestFirst = ids.toReversed()
  await perform(async (work) => {
    for (const [changed, id] of ids.entries()) {
      await work.addAttribute(id, { key: 'x-A', value: { type: 'Integer', value: changed }, version: '1.4' })
      assert.deepEqual(await inUnit(work, []), newestFirst, `${changed + 1} of them changed`)
      assert.deepEqual(await inUnit(work, [['ObjectGroup', 'g']]), newestFirst)
    }
    const made = await createKey()(work)
    assert.deepEqual(await inUnit(work, []), [made, ...newestFirst])
  })
  assert.deepEqual((await find()).slice(1), newestFirst)
})

test('1,000 objects come newest first and whole, in pages of any size', async (t) => {
  const { perform } = await open(t)
  const ids: string[] = []
  for (let round = 0; round < 10; round++)
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        ids.push(await perform(createKey({ ObjectGroup: ids.length % 2 === 0 ? 'even' : 'odd' })))
      }),
    )
  const all = await perform(search([]))
  assert.equal(all.total, 1000)
  assert.deepEqual(all.uniqueIdentifiers.toSorted(), ids.toSorted())
  for (const size of [1, 7, 200, 201, 999, 1000, 5000]) {
    const pages: string[] = []
    for (let offset = 0; offset < 1000; offset += size) {
      // A few of the small pages are enough.
      if (size < 100 && offset > 5 * size && offset < 1000 - 2 * size) {
        pages.push(...all.uniqueIdentifiers.slice(offset, offset + size))
        continue
      }
      const page = await perform(search([], { maximumItems: size, offsetItems: offset }))
      assert.equal(page.total, 1000)
      pages.push(...page.uniqueIdentifiers)
    }
    assert.deepEqual(pages, all.uniqueIdentifiers, `pages of ${size}`)
  }
  const even = await perform(search([['ObjectGroup', 'even']], { maximumItems: 10 }))
  assert.equal(even.uniqueIdentifiers.length, 10)
  const beyond = await perform(search([], { offsetItems: 1000 }))
  assert.deepEqual([beyond.uniqueIdentifiers, beyond.total], [[], 1000])
  assert.deepEqual((await perform(search([], { maximumItems: 0 }))).uniqueIdentifiers, [])
  const uncounted = await perform(search([], { maximumItems: 5, countAll: false }))
  assert.deepEqual(uncounted.uniqueIdentifiers, all.uniqueIdentifiers.slice(0, 5))
})

test('negative counts are refused', async (t) => {
  const { perform } = await open(t)
  await perform(createKey())
  for (const more of [{ maximumItems: -1 }, { offsetItems: -1 }])
    await assert.rejects(perform(search([], more)), faults('InvalidField'))
})

test('it goes on by turns, and is given up in the middle when nobody waits for the answer', async (t) => {
  const { perform, core } = await open(t)
  for (let made = 0; made < 100; made++) await perform(createKey())
  let turns = 0
  const counting: Pace = { spent: true, turn: async () => void (turns += 1) }
  assert.equal((await perform(search([], {}, '1.4', counting))).uniqueIdentifiers.length, 100)
  assert.ok(turns >= 100, `${turns} turns`)
  let left = 50
  const leaving: Pace = {
    spent: true,
    turn: async () => {
      left -= 1
      if (left === 0) throw new Fault('OperationCanceledByRequester', 'it has left')
    },
  }
  await assert.rejects(perform(search([], {}, '1.4', leaving)), faults('OperationCanceledByRequester'))
  assert.equal(left, 0, 'it looked at nothing more')
  const [last] = (await core.audit.list({ order: 'newest', limit: 1 })).entries
  const { action, result, reason } = JSON.parse(last?.body ?? '') as Record<string, unknown>
  assert.deepEqual([action, result, reason], ['key.locate', 'refused', 'OperationCanceledByRequester'])
})

test('it ends where the answer has no more room, and takes a bounded number of attributes', async (t) => {
  const { perform } = await open(t)
  for (let made = 0; made < 5; made++) await perform(createKey({ ObjectGroup: 'g' }))
  const each = 8 + 40
  assert.equal((await perform(search([], { bytesMax: 5 * each }))).uniqueIdentifiers.length, 5)
  await assert.rejects(perform(search([], { bytesMax: 5 * each - 1 })), faults('ResponseTooLarge'))
  const page = { maximumItems: 2, offsetItems: 2, bytesMax: 2 * each }
  assert.equal((await perform(search([], page))).total, 5)
  const same = (count: number) => search(Array.from({ length: count }, () => ['ObjectGroup', 'g'] as const))
  assert.equal((await perform(same(100))).uniqueIdentifiers.length, 5)
  await assert.rejects(perform(same(101)), faults('InvalidField', /100 attributes at most/))
})

test('what is looked for by its identifier is read alone, without a search', async (t) => {
  let searches = 0
  class Counting extends StoreAround {
    override objects(query: ObjectQuery) {
      searches++
      return super.objects(query)
    }
  }
  const { perform } = await openCoreWithClient(t, { wrap: (store) => new Counting(store) })
  const id = await perform(createKey())
  searches = 0
  assert.deepEqual((await perform(search([['UniqueIdentifier', id]]))).uniqueIdentifiers, [id])
  assert.deepEqual((await perform(search([['UniqueIdentifier', 'none']]))).uniqueIdentifiers, [])
  assert.equal(searches, 0)
  await perform(search([]))
  assert.ok(searches > 0)
})

test('before 2.0 every object is under the one policy that there is, and under no other', async (t) => {
  const { perform } = await open(t)
  const id = await perform(createKey())
  const under = async (policy: string, version: Version) =>
    (await perform(search([['OperationPolicyName', policy]], {}, version))).uniqueIdentifiers
  assert.deepEqual(await under('default', '1.3'), [id])
  assert.deepEqual(await under('other', '1.3'), [])
  assert.deepEqual(await under('default', '2.1'), [], 'it has no such attribute')
})

test('the first page is as long as what is asked for, within bounds, and each later one twice as long, until one is short', async (t) => {
  const asked: number[] = []
  class Noting extends StoreAround {
    override objects(query: ObjectQuery) {
      asked.push(query.limit)
      return super.objects(query)
    }
  }
  const { perform } = await openCoreWithClient(t, { wrap: (store) => new Noting(store) })
  for (let made = 0; made < 40; made++) await perform(createKey())
  const pages = async (more: Partial<LocateQuery>) => {
    asked.length = 0
    await perform(search([], { countAll: false, ...more }))
    return [...asked]
  }
  assert.deepEqual(await pages({}), [8, 16, 32])
  assert.deepEqual(await pages({ maximumItems: 3 }), [3])
  assert.deepEqual(await pages({ maximumItems: 3, offsetItems: 2 }), [5])
  assert.deepEqual(await pages({ maximumItems: 100 }), [16, 32])
  assert.deepEqual(await pages({ maximumItems: 0 }), [1])
})

test('what a unit has fetched is fresh no more for its later acts', async (t) => {
  const { perform } = await open(t)
  const ids = [await perform(createKey()), await perform(createKey())]
  await perform(async (work) => {
    await work.fetch(ids[0] ?? '')
    assert.deepEqual((await search([], { onlyFresh: true })(work)).uniqueIdentifiers, ids.slice(1))
  })
})
