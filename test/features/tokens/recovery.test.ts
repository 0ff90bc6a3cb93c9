// The file with the challenge by which a token is recovered beside a running server. Whole recoveries are in
// test/system/token-recover.test.ts.

import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { TokenRecovery } from '../../../src/features/tokens/recovery.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { storeFolder } from '../../support/store/store-place.ts'

test('all who ask share one challenge as long as its file is there; where it was removed, another is made', async (t) => {
  const dataFolder = await storeFolder(t)
  const recovery = new TokenRecovery({
    clock: new MovableClock(),
    dataFolder,
    rootKey: new FaultyRootKey(),
    notes: { record: assert.fail },
    tokens: { recover: assert.fail },
  })
  const begin = async () => readFileSync(path.join(dataFolder, await recovery.begin()), 'utf8')
  const first = await begin()
  assert.equal(await begin(), first)
  rmSync(path.join(dataFolder, await recovery.begin()))
  assert.notEqual(await begin(), first)
})
