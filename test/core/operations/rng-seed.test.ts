// RNG Seed (KMIP 1.4 §4.36) through the mTLS listener: the answer says truly that nothing of the seed was used.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_started, opened) => {
  session = opened
})

test('no seed of a client is used', async () => {
  for (const version of ['1.2', '1.4'] as const)
    assert.deepEqual(await session.ask(version, 'RNGSeed', { Data: Buffer.alloc(64) }), { DataLength: 0 })
})
