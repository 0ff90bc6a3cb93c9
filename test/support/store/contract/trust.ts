// The part of the store contract that is about trusted and pending clients, and about secrets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PendingClient } from '../../../../src/core/ports/trust.ts'
import type { SecretRecord } from '../../../../src/core/ports/secrets.ts'
import { conflict, openPlace, type MakePlace } from '../store-place.ts'
import { change, create, objectRecord, trustRow } from '../store-values.ts'

export function storeTrustContract(makePlace: MakePlace): void {
  secretsAndLastSeen(makePlace)

  test('trust rows come with the version they belong to, raised once per commit', async (t) => {
    const { store } = await openPlace(t, makePlace)
    assert.deepEqual(await store.trust(), { version: 0, rows: [] })
    await store.commit(change([trustRow('a'), trustRow('b', 'token')]))
    assert.equal(await store.trustVersion(), 1)
    await store.commit(
      change([trustRow('a', 'client', '{"v":2}'), { type: 'trust-removed', kind: 'token', id: 'b' }]),
    )
    const { version, rows } = await store.trust()
    assert.equal(version, 2)
    assert.deepEqual(
      rows.map(({ kind, id, body, mac }) => [kind, id, body, Buffer.from(mac).toString()]),
      [['client', 'a', '{"v":2}', 'mac of a']],
    )
    await create(store, objectRecord('a'))
    assert.equal(await store.trustVersion(), 2)
  })

  test('trust goes on above a version that it had elsewhere, and never goes down for it', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.commit(change([{ type: 'trust-version', atLeast: 10 }, trustRow('a')]))
    assert.equal(await store.trustVersion(), 11)
    await store.commit(change([{ type: 'trust-version', atLeast: 5 }, trustRow('a')]))
    assert.equal(await store.trustVersion(), 12)
  })
}

function secretsAndLastSeen(makePlace: MakePlace): void {
  test('data keys and secrets', async (t) => {
    const { store } = await openPlace(t, makePlace)
    const record = {
      id: 'k1',
      instanceId: 'instance-1',
      rootKeyUri: 'file:root.key',
      rootKeyId: 'r',
      wrapped: Buffer.from('w'),
      createdMs: 5,
    }
    await store.commit(change([{ type: 'data-key', record }]))
    await store.commit(change([{ type: 'data-key', record: { ...record, wrapped: Buffer.from('w2') } }]))
    const [found, ...more] = await store.dataKeys('instance-1')
    assert.deepEqual(
      { ...found, wrapped: String(Buffer.from(found?.wrapped ?? [])) },
      { ...record, wrapped: 'w2' },
    )
    assert.deepEqual(more, [])
    assert.deepEqual(await store.dataKeys('instance-2'), [])

    await store.commit(change([{ type: 'new-secret', record: secret('s', '1') }]))
    await assert.rejects(
      store.commit(change([{ type: 'new-secret', record: secret('s', '2') }])),
      conflict('secret'),
    )
    for (const was of [Buffer.from('2'), null])
      await assert.rejects(
        store.commit(change([{ type: 'secret', record: secret('s', '2'), was }])),
        conflict('secret'),
      )
    await assert.rejects(
      store.commit(change([{ type: 'secret', record: secret('t', '1'), was: Buffer.from('1') }])),
      conflict('secret'),
    )
    await store.commit(change([{ type: 'secret', record: secret('s', '2'), was: Buffer.from('1') }]))
    await store.commit(change([{ type: 'secret', record: secret('s', '3') }]))
    assert.deepEqual(
      (await store.secrets()).map(({ name, sealed }) => [name, Buffer.from(sealed).toString()]),
      [['s', '3']],
    )
  })

  test('pending clients are put on the list and taken off it one by one; a last-seen time never goes back', async (t) => {
    const { store } = await openPlace(t, makePlace)
    await store.commit(
      change([{ type: 'pending', clients: [pending('a', 1), pending('b', 1)], removed: [] }]),
    )
    await store.commit(change([{ type: 'pending', clients: [pending('b', 2)], removed: ['a', 'x'] }]))
    assert.deepEqual(
      (await store.pending()).map(({ sha256, attempts }) => [sha256, attempts]),
      [['b', 2]],
    )
    const seen = (lastMs: number, address: string) =>
      store.commit(change([{ type: 'seen', certificates: [{ sha256: 'a', lastMs, address }] }]))
    await seen(10, 'new')
    await seen(9, 'old')
    assert.deepEqual(
      (await store.seen(['a', 'b'])).map((row) => ({ ...row })),
      [{ sha256: 'a', lastMs: 10, address: 'new' }],
    )
    const one = { clientId: 'c', lastMs: 10, address: 'new', certificateSha256: 'a' }
    const clients = (lastMs: number, more: Partial<typeof one>) =>
      store.commit(change([{ type: 'clients-seen', clients: [{ ...one, ...more, lastMs }] }]))
    await clients(8, { certificateSha256: 'b' })
    await clients(10, {})
    await clients(9, { address: 'old' })
    assert.deepEqual(await store.clientsSeen(['c', 'd']), [one])
  })
}

function secret(name: string, sealed: string): SecretRecord {
  return { name, sealed: Buffer.from(sealed) }
}

function pending(sha256: string, attempts: number): PendingClient {
  const certificate = Buffer.from('der')
  return { sha256, certificate, address: '192.0.2.1', firstMs: 1, lastMs: attempts, attempts }
}
