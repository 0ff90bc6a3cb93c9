// The rules of custody `keyprotect` as tables: what counts, what may be deleted, what a server takes over, who may write.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  closingFor,
  closingRank,
  furthest,
  isForeign,
  isUnfinished,
  isYoung,
  mayDelete,
  mayEndMarker,
  mayWrite,
  isRepeated,
  otherPlaces,
  planFor,
  withoutDatabase,
  type ClosedState,
  type Copy,
  type Grounds,
  type KnownObject,
  type Marker,
  type MarkerSays,
} from '../../../../src/core/custody/keyprotect/rules.ts'

/**
 * A copy in one word: id, generation, and marks. `a1`: opened. `a1-`: deleted. `a1?`: live, but it does not open.
 * `a1D`, `a1C`: closed as Deactivated or Compromised. `a1*`: with other key bytes. `a1~`: with other facts.
 */
function copy(word: string): Copy {
  const [, id = '', generation, marks = ''] = /^([a-z])(\d+)(.*)$/.exec(word) ?? assert.fail(word)
  const has = (mark: string) => marks.includes(mark)
  return {
    id,
    generation: Number(generation),
    closing: has('D') ? 'Deactivated' : has('C') ? 'Compromised' : null,
    isLive: !has('-'),
    opened:
      has('-') || has('?')
        ? null
        : { fingerprint: has('*') ? 'other' : 'same', facts: has('~') ? 'other' : 'same' },
  }
}

const copies = (words: string) => words.split(' ').filter(Boolean).map(copy)
const named = (one: Copy | null) => (one ? `${one.id}${one.generation}` : null)

test('a closing only moves forward', () => {
  assert.deepEqual(
    [null, 'Deactivated', 'Compromised'].map((one) => closingRank(one as ClosedState)),
    [0, 1, 2],
  )
  assert.equal(furthest(), null)
  assert.equal(furthest('Deactivated', null), 'Deactivated')
  assert.equal(furthest('Deactivated', 'Compromised', null), 'Compromised')
})

test('a closing says what an opened copy of the same state says of it, or that it was closed now', () => {
  const deactivated = { state: 'Deactivated', at: 5, occurredAt: null, reason: 'Superseded' } as const
  const compromised = { state: 'Compromised', at: 6, occurredAt: 4, reason: 'KeyCompromise' } as const
  const nowMs = 1_800_000_000_999
  const now = { at: 1_800_000_000, occurredAt: null, reason: null }
  for (const [state, said, expected] of [
    [null, [deactivated], null],
    ['Deactivated', [compromised, deactivated], deactivated],
    ['Compromised', [deactivated, compromised], compromised],
    ['Compromised', [deactivated], { state: 'Compromised', ...now }],
    ['Deactivated', [], { state: 'Deactivated', ...now }],
  ] as const)
    assert.deepEqual(closingFor(state, said, nowMs), expected)
})

test('a copy may be unfinished while it is young and no row names it', () => {
  const tenMinutes = 10 * 60_000
  for (const [ageMs, rows, expected] of [
    [null, [], true],
    [0, [], true],
    [tenMinutes - 1, ['other'], true],
    [tenMinutes, [], false],
    [0, ['copy'], false],
    [0, ['other', 'copy'], false],
    [null, ['copy', 'other'], false],
  ] as const) {
    const named = rows.map((id) => ({ id }))
    assert.equal(isUnfinished('copy', ageMs, named), expected, JSON.stringify([ageMs, rows]))
  }
})

for (const [what, grounds, may] of [
  ['a1', { because: 'replaced', by: 'b2' }, true],
  ['a1', { because: 'replaced', by: 'b2D' }, true],
  ['a1D', { because: 'replaced', by: 'b2' }, false],
  ['a1D', { because: 'replaced', by: 'b2D' }, true],
  ['a1C', { because: 'replaced', by: 'b2D' }, false],
  ['a1', { because: 'replaced', by: 'b2*' }, false],
  ['a1', { because: 'replaced', by: 'b2?' }, false],
  ['a1', { because: 'replaced', by: 'b2-' }, false],
  ['a1?', { because: 'replaced', by: 'b2' }, false],
  ['a2', { because: 'replaced', by: 'b2' }, false],
  ['a3', { because: 'replaced', by: 'b2' }, false],
  ['a1', { because: 'replaced', by: 'a2' }, false],
  ['b2', { because: 'copied', by: 'a2' }, true],
  ['a2', { because: 'copied', by: 'b2' }, false],
  ['b2', { because: 'copied', by: 'a2D' }, false],
  ['b2', { because: 'copied', by: 'a2~' }, false],
  ['b2', { because: 'copied', by: 'a2*' }, false],
  ['b2', { because: 'copied', by: 'a2?' }, false],
  ['b2', { because: 'copied', by: 'a3' }, false],
  ['b2', { because: 'copied', by: 'b2' }, false],
  ['a1?', { because: 'destroyed' }, true],
  ['a1*', { because: 'given-up', by: 'b1' }, true],
  ['a2*', { because: 'given-up', by: 'b1' }, false],
  ['a1', { because: 'given-up', by: 'b1' }, false],
  ['a1?', { because: 'given-up', by: 'b1' }, false],
  ['a1*', { because: 'given-up', by: 'b1?' }, false],
  ['a1*', { because: 'given-up', by: 'b1-' }, false],
  ['a1*', { because: 'given-up', by: 'a1' }, false],
  ['a1', { because: 'deleted-above', generation: 2 }, true],
  ['a2', { because: 'deleted-above', generation: 2 }, false],
  ['a3', { because: 'deleted-above', generation: 2 }, false],
  ['a1', { because: 'deleted-below', generation: 2 }, false],
  ['a2', { because: 'deleted-below', generation: 2 }, false],
  ['a3', { because: 'deleted-below', generation: 2 }, true],
  ['a1?', { because: 'left', isMarked: true, isAbove: false }, true],
  ['a1', { because: 'left', isMarked: false, isAbove: false }, false],
  ['a1', { because: 'left', isMarked: true, isAbove: true }, false],
] as const)
  test(`rule 1: ${what} ${JSON.stringify(grounds)}: ${may ? 'may' : 'must not'} be deleted`, () => {
    const by = 'by' in grounds ? { by: copy(grounds.by) } : {}
    assert.equal(mayDelete(copy(what), { ...grounds, ...by } as Grounds), may)
  })

test('rule 1: a copy is left alone for ten minutes by the service’s clock, and where its age is not known', () => {
  assert.deepEqual([0, 599_999, 600_000, null].map(isYoung), [true, true, false, true])
})

for (const [seen, counts, deleted, closing] of [
  ['', null, null, null],
  ['a1', 'a1', null, null],
  ['a1 b2', 'b2', null, null],
  ['b2 a2', 'a2', null, null],
  ['a1 b2-', null, 'b2', null],
  ['a1- b2', 'b2', null, null],
  ['a1-', null, 'a1', null],
  ['a1 b2D', 'b2', null, 'Deactivated'],
  ['a1D b2', 'b2', null, 'Deactivated'],
  ['a1D- b2', 'b2', null, 'Deactivated'],
  ['a1C b2D', 'b2', null, 'Compromised'],
  ['a2- b2', 'b2', null, null],
  ['a1 b9?', 'a1', null, null],
  ['a1 b9?D', 'a1', null, 'Deactivated'],
  ['a1? b1?', null, null, null],
] as const)
  test(`rule 3: of "${seen}" counts ${counts ?? 'none'}, closed ${closing ?? 'no'}`, () => {
    const found = withoutDatabase(copies(seen))
    assert.deepEqual([named(found.counts), named(found.deleted), found.closing], [counts, deleted, closing])
  })

const kept = (
  id: string,
  generation: number,
  more: {
    isLive?: boolean
    closing?: ClosedState
    elsewhere?: ReadonlySet<string>
    others?: ReadonlySet<string>
  } = {},
): KnownObject => {
  return { is: 'kept', id, generation, isLive: true, closing: null, ...more }
}
/** `b` is beside another root key than the instance's. */
const left = (id: string, generation: number, more = {}) =>
  kept(id, generation, { elsewhere: new Set('b'), ...more })
/** The owner deleted it, and the database knows that `b` has other bytes. */
const given = (id: string, generation: number) =>
  kept(id, generation, { isLive: false, others: new Set('b') })
const sealedHere = (isExpected: boolean, closing: ClosedState | null = null): KnownObject => {
  return { is: 'sealed-here', isExpected, closing }
}

for (const [name, known, seen, expected] of [
  ['nothing else', kept('a', 1), 'a1', {}],
  ['an interrupted Create', { is: 'absent' }, 'a1', { take: 'a1' }],
  [
    'an interrupted Create with an attempt before it',
    { is: 'absent' },
    'a1 b2',
    { take: 'b2', superfluous: 'a1' },
  ],
  ['all of an unknown key was deleted', { is: 'absent' }, 'a1- b2-', {}],
  ['the owner closed an unknown key', { is: 'absent' }, 'a1 b2-', { take: 'b2' }],
  ['an unknown key that was closed', { is: 'absent' }, 'a1D', { take: 'a1', closing: 'Deactivated' }],
  [
    'an unknown key with an open generation above its closing',
    { is: 'absent' },
    'a1D b2',
    { take: 'b2', closing: 'Deactivated', renew: true, superfluous: 'a1' },
  ],
  ['what does not open is nobody’s', { is: 'absent' }, 'a1?', {}],
  ['a destroyed key', { is: 'destroyed' }, 'b2 a1 c3-', { superfluous: 'a1 b2' }],
  ['a higher one', kept('a', 1), 'a1 b2', { take: 'b2', superfluous: 'a1' }],
  ['a higher one, and the known one is gone', kept('a', 1, { isLive: false }), 'a1- b2', { take: 'b2' }],
  ['a lower one', kept('b', 2), 'a1 b2', { superfluous: 'a1' }],
  ['an equal one with a higher id', kept('a', 2), 'a2 b2', { superfluous: 'b2' }],
  ['an equal one with a lower id', kept('b', 2), 'a2 b2', { take: 'a2', superfluous: 'b2' }],
  ['another one of the same generation', kept('a', 2), 'a2 b2~', { renew: true, superfluous: 'b2' }],
  ['one with other bytes above', kept('a', 1), 'a1 b2*', { renew: true }],
  ['one with other bytes of the same generation', kept('b', 1), 'a1* b1', { renew: true }],
  ['one with other bytes below', kept('b', 2), 'a1* b2', {}],
  ['a closed one with other bytes below', kept('b', 2), 'a1*D b2', {}],
  ['a closed one with other bytes above', kept('a', 1), 'a1 b2*C', { renew: true }],
  [
    'a closed one above that does not open: a server may have closed the key',
    kept('a', 1),
    'a1 b2?D',
    { closing: 'Deactivated', renew: true },
  ],
  ['the owner deleted it, and left one with other bytes above', given('a', 1), 'a1- b2*', {}],
  ['the owner deleted it, and left one with other bytes, closed', given('a', 1), 'a1- b2*D', {}],
  ['the owner deleted it, and left one with its bytes above', given('a', 1), 'a1- c2', { take: 'c2' }],
  [
    'a higher one, and one with other bytes above it',
    kept('a', 1),
    'a1 b2 c3*',
    { take: 'b2', renew: true, superfluous: 'a1' },
  ],
  ['a higher one beside a root key that it left', left('a', 1), 'a1 b2', { renew: true, superfluous: 'b2' }],
  ['an equal one beside a root key that it left', left('c', 1), 'b1 c1', { renew: true, superfluous: 'b1' }],
  ['a lower one beside a root key that it left', left('a', 2), 'a2 b1', { superfluous: 'b1' }],
  ['the owner deleted it, and left one elsewhere', left('a', 1, { isLive: false }), 'a1- b2', { take: 'b2' }],
  [
    'a closed one of the same generation',
    kept('a', 2),
    'a2 b2D',
    { closing: 'Deactivated', renew: true, superfluous: 'b2' },
  ],
  ['a closed one above', kept('a', 1), 'a1 b2D', { take: 'b2', closing: 'Deactivated', superfluous: 'a1' }],
  [
    'an open one above a closing that the database holds',
    kept('a', 1, { closing: 'Deactivated' }),
    'a1D b2',
    { take: 'b2', closing: 'Deactivated', renew: true, superfluous: 'a1' },
  ],
  [
    'a closing that is not recorded yet',
    kept('a', 1, { closing: 'Compromised' }),
    'a1',
    { closing: 'Compromised', renew: true },
  ],
  ['the owner deleted it', kept('b', 2, { isLive: false }), 'b2-', {}],
  [
    'the owner deleted it, and a lower one is left',
    kept('b', 2, { isLive: false }),
    'a1 b2-',
    { superfluous: 'a1' },
  ],
  ['it does not open, and a lower one is left', kept('b', 2), 'a1 b2?', {}],
  ['moved away, and a copy is left', sealedHere(false), 'a1', { superfluous: 'a1' }],
  ['on its way here, and cut off', sealedHere(true), 'a1 b2', {}],
  ['on its way here, and not stored yet', sealedHere(true, 'Deactivated'), '', { closing: 'Deactivated' }],
  ['on its way here, and closed there', sealedHere(true), 'a1D', { closing: 'Deactivated' }],
  [
    'on its way here, and one with other bytes closed there',
    { is: 'sealed-here', isExpected: true, others: new Set('b'), closing: null },
    'a1 b2*D',
    {},
  ],
  ['moved away, and a closed copy is left', sealedHere(false), 'a1D', { superfluous: 'a1' }],
] as const satisfies readonly (readonly [
  string,
  KnownObject,
  string,
  { take?: string; closing?: ClosedState; renew?: boolean; superfluous?: string },
])[])
  test(`with a database: ${name}`, () => {
    const plan = planFor(known, copies(seen))
    assert.deepEqual(
      {
        take: named(plan.take),
        closing: plan.closing,
        renew: plan.renew,
        superfluous: plan.superfluous.map((one) => `${named(one.copy)}`).join(' '),
      },
      { take: null, closing: null, renew: false, superfluous: '', ...expected },
    )
  })

function marker(number: number, way: MarkerSays['way'], place = '', isLive = true): Marker {
  const says = (way === 'stays' ? { way, place: '' } : { way, place }) as MarkerSays
  return { id: `m${number}`, number, epoch: 0, rootKeyId: 'here', says, isLive }
}

for (const [name, markers, places] of [
  ['none', [], []],
  ['it leaves', [marker(1, 'to', 'b')], ['b']],
  ['it left, and the marker was deleted', [marker(1, 'to', 'b', false)], ['b']],
  ['keys arrive', [marker(1, 'from', 'b')], ['b']],
  ['all have arrived', [marker(1, 'from', 'b', false)], []],
  ['it left and comes back', [marker(2, 'from', 'b'), marker(1, 'to', 'b')], ['b']],
  ['it left and is back', [marker(1, 'to', 'b'), marker(2, 'from', 'b', false)], []],
  ['sent on before all had arrived', [marker(1, 'from', 'a'), marker(2, 'to', 'c')], ['a', 'c']],
  ['restored here', [marker(1, 'to', 'b'), marker(2, 'stays')], []],
] as const)
  test(`rule 5: ${name}: other keys may be ${places.join(' and ') || 'nowhere else'}`, () => {
    assert.deepEqual(
      otherPlaces(markers).map(({ place }) => place),
      places,
    )
  })

test('rule 5: a marker repeats another one that says the same and has a row, or had one', () => {
  const one: Marker = {
    id: 'a',
    number: 7,
    epoch: 2,
    rootKeyId: 'r',
    says: { way: 'from', place: 'database' },
    isLive: true,
  }
  const late = { ...one, id: 'b' }
  const ended = { ...one, isLive: false }
  assert.equal(isRepeated(late, [one, late], 'a'), true)
  assert.equal(isRepeated(late, [ended, late], undefined), true)
  assert.equal(isRepeated(late, [one, late], undefined), false, 'neither has a row')
  assert.equal(isRepeated(late, [ended, late], 'a'), false, 'the one with the row was deleted')
  assert.equal(isRepeated(late, [late], 'due'), false, 'it is not stored yet')
  assert.equal(isRepeated(one, [one, late], 'a'), false, 'the one with the row')
  assert.equal(isRepeated(ended, [ended, late], undefined), false, 'gone')
  for (const other of [{ number: 8 }, { epoch: 3 }, { says: { way: 'to', place: 'database' } }] as const)
    assert.equal(isRepeated({ ...late, ...other }, [one], 'a'), false)
})

test('rule 5: a marker ends when the service knows no generation any more that it speaks of', () => {
  assert.equal(mayEndMarker({ rootKeyId: 'a' }, []), true)
  assert.equal(mayEndMarker({ rootKeyId: 'a' }, [{ rootKeyId: 'b' }]), true)
  assert.equal(mayEndMarker({ rootKeyId: 'a' }, [{ rootKeyId: 'b' }, { rootKeyId: 'a' }]), false)
})

test('rule 6: a server below the highest epoch writes nothing', () => {
  assert.equal(mayWrite(0, []), true)
  assert.equal(mayWrite(2, [{ epoch: 1 }, { epoch: 2 }]), true)
  assert.equal(mayWrite(1, [{ epoch: 2 }]), false)
})

const own = { writer: 'own', writers: new Set(['own', 'before']), upMs: 60_000, restoredMs: null }
for (const [name, seen, more, foreign] of [
  ['this run', { writer: 'own', ageMs: 5 }, {}, false],
  ['an earlier run, before this one', { writer: 'before', ageMs: 70_000 }, {}, false],
  ['an earlier run, while this one is up: a copy of it runs', { writer: 'before', ageMs: 50_000 }, {}, true],
  ['an earlier run, at a time that is not known', { writer: 'before', ageMs: null }, {}, false],
  ['an unknown run', { writer: 'other', ageMs: 70_000 }, {}, true],
  ['an unknown run, before the restore', { writer: 'other', ageMs: 70_000 }, { restoredMs: 65_000 }, false],
  ['an unknown run, after the restore', { writer: 'other', ageMs: 10_000 }, { restoredMs: 65_000 }, true],
] as const)
  test(`rule 6: stored by ${name}: ${foreign ? 'another server' : 'our own'}`, () => {
    assert.equal(isForeign(seen, { ...own, ...more }), foreign)
  })
