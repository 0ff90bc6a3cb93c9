// What an instance was, told from what lies beside its root key: the rules, case by case, without a service.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeJournal, type FoundRun, type JournaledEntry } from '../../../src/keys/recovery/journaled.ts'
import { recoverObjects, type FoundKey, type RecoveredPlace } from '../../../src/keys/recovery/rules.ts'
import {
  standardKeyName,
  unpackPlace,
  type StandardKeyHeader,
} from '../../../src/keys/standard-keys/place.ts'
import { packAttributes } from '../../../src/kmip/attributes.ts'
import { attributeSet } from '../../support/world.ts'

const rootKey = { uri: 'test:1', id: 'r' }
const place: RecoveredPlace = { instanceId: 'i', rootKeys: [rootKey], nowMs: 1_000_000 }

function found(
  generation: number,
  more: { deleted?: boolean; createdMs?: number | null; id?: string; rootKeyId?: string } = {},
): FoundKey {
  const { rootKeyId = 'r' } = more
  const { deleted = false, createdMs = 1_000, id = `g${generation}${deleted ? 'd' : ''}` } = more
  const header: StandardKeyHeader = {
    format: 1,
    kind: 'key',
    instance: 'i',
    identifier: 'k',
    generation,
    objectType: 'SymmetricKey',
    algorithm: 'AES',
    length: 256,
    mask: 12,
    head: { keyFormatType: 'Raw' },
    keyVersion: 'v',
  }
  const attempt = '0123456789ab'
  const at = { name: 'mortise-k', rootKeyId, besideUri: rootKey.uri }
  return { id, ...at, generation, attempt, createdMs, header: deleted ? null : header }
}

function entry(more: Partial<JournaledEntry> = {}): JournaledEntry {
  return {
    kind: 'object',
    uniqueIdentifier: 'k',
    objectType: 'SymmetricKey',
    state: 'Active',
    version: 2,
    createdMs: 500,
    generation: 1,
    rootKeyId: 'r',
    isNewest: true,
    attributes: packAttributes(aes()),
    ...more,
  }
}

/** Outcome, the standard key that it points to, what is to be deleted, what is left. */
function decide(keys: readonly FoundKey[], known?: JournaledEntry, isWhole = true): string {
  const entries = new Map(known ? [[known.uniqueIdentifier, known]] : [])
  const { objects, unwanted, left, lost, unknown } = recoverObjects(place, keys, {
    entries,
    isWhole,
    departures: [],
  })
  const shown = objects.map(({ object, outcome }) => {
    const at = object.sealed ? unpackPlace(object.sealed) : undefined
    return `${outcome} ${object.state} ${at ? `${at.standardKeyId}/${at.generation}` : '-'}`
  })
  const rest = [
    ...unwanted.map(({ standardKeyId }) => `unwanted ${standardKeyId}`),
    ...left.map(({ id }) => `left ${id}`),
    ...lost.map(() => 'lost'),
    ...unknown.map(() => 'unknown'),
  ]
  return [...shown, ...rest].join(', ')
}

const nobody = '00000000-0000-4000-8000-000000000000'
const cases: readonly (readonly [string, readonly FoundKey[], JournaledEntry | undefined, string])[] = [
  ['one, not entered', [found(1)], undefined, 'opens Active g1/1'],
  ['one, entered', [found(1)], entry({ state: 'Deactivated' }), 'opens Deactivated g1/1'],
  [
    'the highest generation counts',
    [found(1), found(4), found(3)],
    entry(),
    'opens Active g4/4, unwanted g3, unwanted g1',
  ],
  [
    'the same, not entered',
    [found(1), found(3), found(2)],
    undefined,
    'opens Active g3/3, unwanted g2, unwanted g1',
  ],
  [
    'sealed by a root key that was not named',
    [found(1, { rootKeyId: 'other' })],
    entry({ rootKeyId: 'other' }),
    'elsewhere Active g1/1',
  ],
  [
    'moved to a root key that was not named since it was entered',
    [found(1), found(3, { rootKeyId: 'other' })],
    entry(),
    'elsewhere Active g3/3, unwanted g1',
  ],
  [
    'entered under a root key that was not named, and nothing to be seen of it',
    [],
    entry({ rootKeyId: 'other' }),
    `elsewhere Active ${nobody}/1`,
  ],
  [
    'entered under a root key that was not named, where one does not see, and moved since',
    [found(3)],
    entry({ rootKeyId: 'other' }),
    'opens Active g3/3',
  ],
  [
    'deleted under a root key that was not named',
    [found(1, { rootKeyId: 'other', deleted: true })],
    entry({ rootKeyId: 'other' }),
    'deleted Active g1d/1',
  ],
  [
    'a higher one was deleted',
    [found(1), found(3, { deleted: true })],
    entry(),
    'deleted Active g3d/3, left g1',
  ],
  [
    'the one that is named was deleted, while a higher one was made',
    [found(1, { deleted: true }), found(3)],
    entry(),
    'deleted Active g1d/1, left g3',
  ],
  [
    'the same, but what was entered later is missing',
    [found(1, { deleted: true }), found(3)],
    entry({ isNewest: false }),
    'opens Active g3/3',
  ],
  [
    'the one that is named is gone, and a higher one is there',
    [found(3)],
    entry(),
    `deleted Active ${nobody}/1, left g3`,
  ],
  [
    'a lower one than is named was deleted',
    [found(1, { deleted: true }), found(3)],
    entry({ generation: 3, version: 3 }),
    'opens Active g3/3',
  ],
  [
    'a lower one was deleted, not entered',
    [found(1, { deleted: true }), found(2)],
    undefined,
    'deleted Active g1d/1, left g2',
  ],
  [
    'a higher one was deleted, not entered',
    [found(1), found(2, { deleted: true })],
    undefined,
    'deleted Active g2d/2, left g1',
  ],
  ['deleted, not entered', [found(1, { deleted: true })], undefined, 'unknown'],
  [
    'a higher one was given up and deleted',
    [found(1), found(3, { deleted: true })],
    entry({ version: 3 }),
    'opens Active g1/1',
  ],
  [
    'a higher one was given up',
    [found(1), found(3)],
    entry({ version: 3 }),
    'opens Active g1/1, unwanted g3',
  ],
  [
    'one was given up, the other deleted',
    [found(1, { deleted: true }), found(3)],
    entry({ version: 3 }),
    'deleted Active g1d/1, left g3',
  ],
  [
    'one was given up, a higher one was deleted',
    [found(1), found(3), found(4, { deleted: true })],
    entry({ version: 3 }),
    'deleted Active g4d/4, left g3, left g1',
  ],
  [
    'the second attempt at a new key',
    [found(1), found(2)],
    entry({ version: 1, generation: 2 }),
    'opens Active g2/2, unwanted g1',
  ],
  [
    'the journal knows a higher one that is gone',
    [found(1)],
    entry({ generation: 2 }),
    `deleted Active ${nobody}/2, left g1`,
  ],
  ['all are gone', [], entry(), `deleted Active ${nobody}/1`],
  [
    'destroyed',
    [found(1), found(2, { deleted: true })],
    entry({ state: 'Destroyed', generation: null }),
    'destroyed Destroyed -, unwanted g1',
  ],
  [
    'destroyed and compromised',
    [],
    entry({ state: 'DestroyedCompromised', generation: null }),
    'destroyed DestroyedCompromised -',
  ],
  ['only the database had it', [], entry({ generation: 'data-key' }), 'lost'],
  [
    'only the database had it, deleted in Key Protect long before',
    [found(1, { deleted: true })],
    entry({ generation: 'data-key' }),
    'lost',
  ],
  [
    'it was on its way out of the database',
    [found(3)],
    entry({ generation: 'data-key' }),
    'opens Active g3/3',
  ],
  [
    'on its way, and deleted',
    [found(3, { deleted: true })],
    entry({ generation: 'data-key' }),
    'deleted Active g3d/3',
  ],
  [
    'on its way, given up, but not deleted',
    [found(2)],
    entry({ generation: 'data-key' }),
    'opens Active g2/2',
  ],
  [
    'twice the same, one deleted at an unknown time',
    [found(1, { createdMs: null }), found(1, { deleted: true })],
    entry(),
    'deleted Active g1d/1, left g1',
  ],
  [
    'twice the same, deleted at the same time',
    [found(1), found(1, { deleted: true })],
    entry(),
    'deleted Active g1d/1, left g1',
  ],
  [
    'twice the same, the later one deleted',
    [found(1), found(1, { deleted: true, createdMs: 2_000 })],
    entry(),
    'deleted Active g1d/1, left g1',
  ],
  [
    'an attempt that was given up, and made again',
    [found(3, { createdMs: 9_000 }), found(3, { deleted: true }), found(1)],
    entry(),
    'opens Active g3/3, unwanted g1',
  ],
  [
    'twice the same, both there',
    [found(1), found(1, { id: 'b', createdMs: 2_000 })],
    entry(),
    'opens Active b/1, left g1',
  ],
]
for (const [what, keys, known, expected] of cases)
  test(`rule: ${what}`, () => {
    assert.equal(decide(keys, known), expected)
    assert.equal(decide(keys.toReversed(), known), expected)
  })

test('rule: not entered, in a journal of which parts are missing: a deleted lower one may be our own deed', () => {
  const keys = [found(1, { deleted: true }), found(2)]
  assert.equal(decide(keys, undefined, false), 'opens Active g2/2')
})

test('rule: on the way to a root key that was not named nothing deleted is sure to be a revocation', () => {
  const departure = { kind: 'departure', atMs: 1, custody: 'keyprotect', rootKeyUri: 'test:2' } as const
  const outcome = (rootKeyId: string) =>
    recoverObjects(place, [found(1, { deleted: true }), found(3, { rootKeyId: 'other' })], {
      entries: new Map([['k', entry()]]),
      isWhole: true,
      departures: [{ ...departure, rootKeyId }],
    }).objects.map((one) => one.outcome)
  assert.deepEqual([outcome('other'), outcome('r')], [['elsewhere'], ['deleted']])
})

test('rule: what was written after by a root key that was not named is not known', () => {
  const runs = [{ first: 3, last: 3, items: [entry()] }]
  const { entries, isWhole, missing } = mergeJournal(runs, { unread: [4] })
  assert.deepEqual([entries.get('k')?.isNewest, isWhole, missing], [false, false, 0])
})

test('rule: what stays revoked can never count again, whatever is there', () => {
  const { objects } = recoverObjects(place, [found(1, { deleted: true }), found(5)], {
    entries: new Map([['k', entry()]]),
    isWhole: true,
    departures: [],
  })
  const [{ object, isEntered } = assert.fail()] = objects
  assert.deepEqual([object.version, isEntered], [5, false])
})

function end(from: number, follows: number) {
  return { kind: 'end', from, follows } as const
}

test('rule: what was entered before a part that is missing may be out of date', () => {
  const runs = [
    { first: 3, last: 3, items: [entry()] },
    { first: 7, last: 7, items: [entry({ uniqueIdentifier: 'later' })] },
  ]
  const newest = (...more: readonly FoundRun[]) =>
    [...mergeJournal([...runs, ...more]).entries.values()].map(({ isNewest }) => isNewest)
  assert.deepEqual(newest(), [true, true])
  assert.deepEqual(newest({ first: 8, last: 8, items: [end(8, 7)] }), [true, true])
  assert.deepEqual(
    newest({ first: 8, last: 8, items: [end(8, 5)] }),
    [false, true],
    'one before is not there',
  )
  assert.deepEqual(newest({ first: 9, last: 9, items: [end(8, 7)] }), [false, false], 'its first part is not')
  const given = mergeJournal(runs, { deleted: [5, 6, 8] })
  assert.deepEqual([given.isWhole, given.missing], [true, 1], 'what was given up before is no gap')
  assert.deepEqual(mergeJournal([], { deleted: [3] }).isWhole, false, 'all of it is gone')
  const anew: FoundRun[] = [
    ...runs,
    { first: 9, last: 9, items: [{ kind: 'whole', from: 7, moving: false } as const] },
  ]
  anew.push({ first: 8, last: 8, items: [] })
  anew.push({ first: 10, last: 10, items: [end(10, 9)] })
  assert.equal(mergeJournal(anew).isWhole, true)
})

function settings(name: string) {
  const rest = { cacheSeconds: 1, outageSeconds: 1, expiredGraceDays: 1, portable: false, createdMs: 1 }
  return { kind: 'settings', settings: { name, ...rest } } as const
}

test('rule: a journal that was written anew, but not to its end, does away with nothing', () => {
  const whole = { kind: 'whole', from: 7, moving: false } as const
  const runs = [
    { first: 3, last: 3, items: [entry({ version: 2, state: 'Deactivated' })] },
    { first: 9, last: 9, items: [whole] },
    { first: 7, last: 7, items: [settings('b')] },
  ]
  const merged = mergeJournal(runs)
  assert.equal(merged.from, 0)
  assert.equal(merged.entries.get('k')?.state, 'Deactivated')
  const lost = { first: 8, last: 8, items: [entry({ version: 1 })] }
  assert.equal(mergeJournal([...runs, lost]).from, 7)
})

test('rule: the newest version of an entry counts, and a journal that was written anew does away with the rest', () => {
  const runs = [
    { first: 9, last: 9, items: [entry({ version: 3 }), { kind: 'whole', from: 8, moving: false } as const] },
    { first: 8, last: 8, items: [settings('b'), entry({ version: 2 })] },
    { first: 10, last: 11, items: [entry({ version: 2, state: 'PreActive' })] },
    { first: 3, last: 3, items: [settings('a'), entry({ version: 7 }), entry({ uniqueIdentifier: 'old' })] },
  ]
  const merged = mergeJournal(runs)
  assert.deepEqual([...merged.entries.keys()], ['k'])
  assert.equal(merged.entries.get('k')?.version, 3)
  assert.deepEqual([merged.settings?.name, merged.from], ['b', 8])
})

function named(uniqueIdentifier: string, changed: bigint) {
  const Name = { NameValue: 'disk', NameType: 'UninterpretedTextString' }
  const attributes = packAttributes(aes({ Name, LastChangeDate: changed }))
  return [uniqueIdentifier, entry({ uniqueIdentifier, attributes })] as const
}

test('rule: a Name that two entries have stays with the one that changed last', () => {
  const keys = ['a', 'b'].map((id) => ({ ...found(1, { id }), name: standardKeyName(id) }))
  const entries = new Map([named('a', 5n), named('b', 6n)])
  const { objects } = recoverObjects(place, keys, { entries, isWhole: true, departures: [] })
  assert.deepEqual(
    objects.map(({ object }) => [object.uniqueIdentifier, object.attributes.has('Name')]),
    [
      ['a', false],
      ['b', true],
    ],
  )
})

function aes(more: Readonly<Record<string, unknown>> = {}) {
  return attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more })
}
