// RNG Retrieve (KMIP 1.4 §4.35) through the mTLS listener.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytesMax } from '../../../src/core/keys/crypto-acts.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

test('as many random bytes as were asked for, new ones each time', async () => {
  for (const DataLength of [1, 32, randomBytesMax])
    assert.equal((await session.ask('1.2', 'RNGRetrieve', { DataLength })).Data.length, DataLength)
  const one = await session.ask('1.4', 'RNGRetrieve', { DataLength: 32 })
  assert.notDeepEqual(one, await session.ask('1.4', 'RNGRetrieve', { DataLength: 32 }))
  for (const DataLength of [0, -1, randomBytesMax + 1])
    assert.equal(await session.refused('1.4', 'RNGRetrieve', { DataLength }), 'InvalidField')
})
