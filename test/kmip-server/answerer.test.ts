// One message is one client's, from its first item to its last.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeResponse, encodeRequest } from '../../src/kmip/client-message.ts'
import { encodeRequestPayload } from '../../src/kmip/payload.ts'
import { answeringOn, peerOf } from '../support/answering.ts'
import { makeInstance, manager, openCore, trustClient } from '../support/core.ts'
import { aes } from '../support/kmip-session.ts'

const version = '1.4'
const items = [
  { operation: 'Get', payload: encodeRequestPayload('Get', { UniqueIdentifier: 'elsewhere' }, version) },
  {
    operation: 'Create',
    payload: encodeRequestPayload('Create', aes(), version),
  },
] as const

test('a certificate that another instance trusts by now does nothing there with the rest of its message', async (t) => {
  const core = await openCore(t)
  const [before, after] = [await makeInstance(core, 'before'), await makeInstance(core, 'after')]
  const { identity } = await trustClient(core, before)
  const bring = async () => {
    await core.trust.clients.remove(manager, before.id, 'vcenter')
    await trustClient(core, after, 'vcenter', identity)
    return false
  }
  const place = { ...core, bring }
  const { answer, close } = answeringOn(place)
  t.after(close)
  const message = encodeRequest({ version, batchErrorContinuationOption: 'Continue', items })
  const answered = decodeResponse(await answer(message, peerOf(identity)))
  assert.deepEqual(
    answered.items.map(({ reason }) => reason),
    ['ItemNotFound', 'AuthenticationNotSuccessful'],
  )
  assert.deepEqual(await core.keys.list({ instanceId: after.id, limit: 1, includeDestroyed: true }), [])
})
