// The cache rule as a table: what is in memory, what the root key's service said, and what follows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide, type UnwrapFacts, type Decision } from '../../../src/core/sealing/unwrap-rule.ts'
import { rootKeyAskAgainMs } from '../../../src/core/sealing/bounds.ts'

const times = { cacheSeconds: 300, outageSeconds: 3600 }
/** Seconds to milliseconds. */
const s = (seconds: number) => seconds * 1000
const askAgain = rootKeyAskAgainMs / 1000

/** Seconds: when the question of the answer was put, the refusal came, the service was last asked. Now is second 10,000. */
interface Given {
  readonly answer?: number
  readonly refused?: number
  /** The refusal stands, and the service was last asked then. */
  readonly refusedAsked?: number
  readonly unreachableAsked?: number
}

const now = 10_000

function known({ answer, refused, refusedAsked, unreachableAsked }: Given): UnwrapFacts {
  return {
    now: s(now),
    ...(answer !== undefined && { answer: { askedAt: s(answer) } }),
    ...(refused !== undefined && {
      refusal: { at: s(refused), ...(refusedAsked !== undefined && { askedAt: s(refusedAsked) }) },
    }),
    ...(unreachableAsked !== undefined && { unreachable: { askedAt: s(unreachableAsked) } }),
  }
}

const table: readonly (readonly [what: string, given: Given, decision: Decision])[] = [
  ['nothing is in memory', {}, 'ask'],
  ['nothing is in memory, and the service is out of reach', { unreachableAsked: now }, 'ask'],
  ['the answer is fresh', { answer: now }, 'use'],
  ['just before four fifths of the time', { answer: now - 239.999 }, 'use'],
  ['from four fifths of the time', { answer: now - 240 }, 'use-and-ask'],
  ['just before the time is over', { answer: now - 299.999 }, 'use-and-ask'],
  ['the time is over', { answer: now - 300 }, 'ask-or-use'],
  ['just before the outage time is over', { answer: now - 3_899.999 }, 'ask-or-use'],
  ['the outage time is over', { answer: now - 3_900 }, 'ask'],

  ['out of reach, fresh', { answer: now - 1, unreachableAsked: now - 60 }, 'use'],
  ['out of reach, asked just now', { answer: now - 250, unreachableAsked: now - askAgain + 0.001 }, 'use'],
  ['out of reach, asked a while ago', { answer: now - 250, unreachableAsked: now - askAgain }, 'use-and-ask'],
  ['out of reach and over, asked just now', { answer: now - 301, unreachableAsked: now - 1 }, 'use'],
  ['out of reach and over, a while ago', { answer: now - 301, unreachableAsked: now - 5 }, 'use-and-ask'],
  ['out of reach for too long', { answer: now - 3_900, unreachableAsked: now - 1 }, 'ask'],

  ['refused, asked just now', { refused: now - 1, refusedAsked: now - 1 }, 'refuse'],
  ['refused, just before it is asked again', { refused: now - 60, refusedAsked: now - 4.999 }, 'refuse'],
  ['refused, a while ago', { refused: now - 60, refusedAsked: now - askAgain }, 'ask'],
  ['refused, whatever is in memory', { answer: now, refused: now - 1, refusedAsked: now - 1 }, 'refuse'],
  [
    'refused and out of reach: there is no outage mode',
    { answer: now - 2, refused: now - 1, refusedAsked: now - 1, unreachableAsked: now - 1 },
    'refuse',
  ],

  ['refused once, and asked since', { answer: now - 1, refused: now - 2 }, 'use'],
  ['an answer to a question from before the refusal', { answer: now - 2, refused: now - 1 }, 'ask'],
  ['an answer to a question from the same moment', { answer: now - 1, refused: now - 1 }, 'ask'],
  [
    'an older answer, and out of reach since',
    { answer: now - 2, refused: now - 1, unreachableAsked: now },
    'ask',
  ],
]

for (const [what, given, decision] of table)
  test(`${what}: ${decision}`, () => assert.equal(decide(known(given), times), decision))

test('no outage mode: what is over is asked for, out of reach or not', () => {
  const none = { cacheSeconds: 300, outageSeconds: 0 }
  assert.equal(decide(known({ answer: now - 299 }), none), 'use-and-ask')
  for (const unreachable of [{}, { unreachableAsked: now - 1 }, { unreachableAsked: now - 60 }])
    assert.equal(decide(known({ answer: now - 300, ...unreachable }), none), 'ask')
})
