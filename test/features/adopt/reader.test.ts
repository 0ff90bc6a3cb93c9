// An old server that is overloaded refuses one Get of a message, with or without a reason: it is asked again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OldServer } from '../../../src/features/adopt/old-server.ts'
import { Retries } from '../../../src/features/adopt/retries.ts'
import { Reader } from '../../../src/features/adopt/reader.ts'
import { digestBy } from '../../../src/features/adopt/key-bytes.ts'
import { sha256 } from '../../../src/core/keys/object/digest.ts'
import { KmipRefused, KmipTransportError } from '../../../src/outside/kmip-client/errors.ts'
import { adoptRefusedTriesMax } from '../../../src/features/adopt/retries.ts'
import { active, keyOf } from '../../support/old-kmip-server/keys.ts'

const passing = [undefined, 'GeneralFailure'] as const

/** Refuses `refusals` messages after the first one. */
function begin(reason: KmipRefused['reason'], refusals: number) {
  let asked = 0
  const read = (id: string) => {
    asked++
    const attributes = { ok: true, response: { UniqueIdentifier: id, Attribute: active } } as const
    if (asked === 1 || asked > 1 + refusals)
      return Promise.resolve({ object: { ok: true, response: keyOf(id) }, attributes } as const)
    const refused = new KmipRefused('Get', { status: 'OperationFailed', reason })
    return Promise.resolve({ object: { ok: false, refused }, attributes } as const)
  }
  const clock = { monotonic: () => 0, sleep: () => Promise.resolve() }
  const signal = new AbortController().signal
  const retries = new Retries({ clock, signal, onTrouble: () => undefined, concurrencyMax: 1 })
  return { reader: new Reader({ read } as unknown as OldServer, retries), asked: () => asked }
}

test('an overload that refuses one object is waited for', async () => {
  for (const reason of passing) {
    const { reader, asked } = begin(reason, 1)
    await reader.read('a')
    assert.equal((await reader.read('b')).identifier, 'b', reason)
    assert.equal(asked(), 3, reason)
  }
})

test('a refusal for good is not repeated, and an overload not for ever', async () => {
  for (const [reason, expected] of [
    ['PermissionDenied', 1],
    ['GeneralFailure', adoptRefusedTriesMax],
    [undefined, adoptRefusedTriesMax],
  ] as const) {
    const { reader, asked } = begin(reason, Infinity)
    await reader.read('a')
    await assert.rejects(reader.read('b'), KmipRefused)
    assert.equal(asked(), 1 + expected, reason)
  }
})

for (const way of ['together', 'apart'] as const)
  test(`the bytes of a key whose attributes do not come are overwritten: asked ${way}`, async () => {
    const key = keyOf('a')
    const refused = new KmipRefused('Get', { status: 'OperationFailed', reason: 'OperationNotSupported' })
    const gone = new KmipTransportError('answer', { host: 'old', port: 5696 }, 'the connection ended')
    const both = { object: { ok: true, response: key }, attributes: { ok: false, refused } } as const
    const server = {
      read: () => (way === 'together' ? Promise.resolve(both) : Promise.reject(refused)),
      get: () => Promise.resolve(key),
      attributes: () => Promise.reject(gone),
    } as unknown as OldServer
    await assert.rejects(new Reader(server, { ask: (ask) => ask() }).read('a'), gone)
    assert.deepEqual(digestBy(key), sha256(Buffer.alloc(32)))
  })
