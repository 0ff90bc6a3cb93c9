// A root key challenge: only the root key answers it, once, within its time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootKeyChallengeMs } from '../../../src/base/bounds.ts'
import { rootKeyChallengesMax } from '../../../src/core/sealing/root-key-challenge.ts'
import { answerChallenge, RootKeyChallenges } from '../../../src/core/sealing/root-key-challenge.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

test('the right answer counts once; a wrong one changes nothing', async () => {
  const rootKey = new FaultyRootKey()
  const challenges = new RootKeyChallenges(new MovableClock())
  const { id, wrapped } = await challenges.begin(rootKey)
  const other = await challenges.begin(rootKey)
  const answer = await answerChallenge(rootKey, wrapped)
  assert.equal(challenges.accept(id, Buffer.alloc(32)), false)
  assert.equal(challenges.accept(id, answer.subarray(1)), false)
  assert.equal(challenges.accept(other.id, answer), false, 'it answers another challenge')
  assert.equal(challenges.accept(id, answer), true)
  assert.equal(challenges.accept(id, answer), false)
})

test('another root key cannot answer', async () => {
  const challenges = new RootKeyChallenges(new MovableClock())
  const { wrapped } = await challenges.begin(new FaultyRootKey())
  await assert.rejects(answerChallenge(new FaultyRootKey(), wrapped))
})

test('a challenge ends after a minute, and the oldest of too many makes room', async () => {
  for (const [passMs, more, isThere] of [
    [rootKeyChallengeMs - 1, 0, true],
    [rootKeyChallengeMs, 0, false],
    [0, rootKeyChallengesMax - 1, true],
    [0, rootKeyChallengesMax, false],
  ] as const) {
    const [rootKey, clock] = [new FaultyRootKey(), new MovableClock()]
    const challenges = new RootKeyChallenges(clock)
    const { id, wrapped } = await challenges.begin(rootKey)
    clock.pass(passMs)
    for (let count = 0; count < more; count++) await challenges.begin(rootKey)
    const answer = await answerChallenge(rootKey, wrapped)
    assert.equal(challenges.accept(id, answer), isThere, `${passMs} ms, ${more} more`)
  }
})
