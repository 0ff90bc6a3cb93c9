// The objects of one transaction as its acts see them: what an object that cannot be opened means, and when trusted rows may change.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'
import { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import { trustRowsPerInstanceMax } from '../../../../src/core/trust/bounds.ts'
import { StoreConflict } from '../../../../src/core/ports/store.ts'
import { KeysUnavailable } from '../../../../src/core/sealing/unwrap-cache.ts'
import type { RowChange } from '../../../../src/core/trust/row-writes.ts'
import {
  attributeSet,
  createKey,
  faults,
  makeInstance,
  manager,
  openCoreWithClient,
  trustClient,
} from '../../../support/server/core.ts'

type Options = ConstructorParameters<typeof TransactionObjects>[0]

const instance = { id: 'i' }
const object = { instanceId: 'i', uniqueIdentifier: 'k', sealed: Buffer.of(1) } as unknown as ManagedObject

function objectsWith(more: object): TransactionObjects {
  return new TransactionObjects({
    staged: {
      caller: { instanceId: 'i', trustVersion: 3, actor: { kind: 'client' } },
      correlationIds: new Set(),
    },
    access: { instance: () => instance },
    changePace: { take: () => 0 },
    ...more,
  } as unknown as Options)
}

const openedWhile = async (now: Uint8Array | null | undefined, error: Error) =>
  objectsWith({
    custodies: { open: () => Promise.reject(error) },
    store: { object: async () => (now === undefined ? undefined : { sealed: now }) },
  }).open(object)

test('an object that does not open was sealed again meanwhile if its stored form is another one now; else the reason stands', async () => {
  const unavailable = new KeysUnavailable('unreachable', 'no answer')
  for (const now of [Buffer.of(2), null, undefined])
    await assert.rejects(openedWhile(now, unavailable), (error) => error instanceof StoreConflict)
  await assert.rejects(openedWhile(Buffer.of(1), unavailable), (error) => error === unavailable)
  const bug = new TypeError('a bug')
  await assert.rejects(openedWhile(Buffer.of(2), bug), (error) => error === bug)
})

const decide = () => assert.fail('nothing is decided')

test('trusted rows change on the version that the transaction decided on, and not too often', async () => {
  const snapshot = { version: 4, tables: {} }
  const changed = objectsWith({ access: { snapshot: async () => snapshot } }).changeTrust(decide)
  await assert.rejects(changed, (error) => error instanceof StoreConflict && error.what === 'trust')
  const often = objectsWith({ changePace: { take: () => 1 } }).changeTrust(decide)
  await assert.rejects(often, faults('ServerLimitExceeded', /too often/))
})

test('a client adds no trusted rows where its instance has as many as it may, and puts one in the place of another', async () => {
  const rows = Array.from(
    { length: trustRowsPerInstanceMax },
    (_, n) => [String(n), { instanceId: 'i' }] as const,
  )
  const none = new Map()
  const tables = { client: none, certificate: none, authority: none, issued: new Map(rows), token: none }
  const snapshot = { version: 3, tables, newer: new Set() }
  const change = (remove: readonly object[]) =>
    objectsWith({
      access: { snapshot: async () => snapshot, writes: () => [] },
      staged: {
        caller: { instanceId: 'i', trustVersion: 3, actor: { kind: 'client' } },
        changeTrust: () => undefined,
      },
    }).changeTrust(() => ({ put: [added], remove }) as unknown as RowChange)
  const added = { kind: 'issued', value: { id: 'new', instanceId: 'i' } }
  await assert.rejects(change([]), faults('ServerLimitExceeded', /as many clients/))
  await change([{ kind: 'issued', id: '0' }])
})

test('an instance that is gone is told, and one whose objects share Names lets them', async (t) => {
  const gone = objectsWith({ access: { instance: () => undefined } })
  assert.throws(() => gone.instance(), faults('PermissionDenied', /does not exist any more/))
  const { core } = await openCoreWithClient(t)
  const shared = await makeInstance(core, 'shared', { names: 'shared' })
  const { identify } = await trustClient(core, shared, 'sharing')
  const Name = { NameValue: 'n', NameType: 'UninterpretedTextString' }
  for (let count = 0; count < 2; count++) await core.keys.perform(identify, createKey({ Name }))
  assert.equal((await core.keys.list({ instanceId: shared.id, limit: 9, includeDestroyed: false })).length, 2)
})

test('an archived object is there for an administrator, and neither for a client nor once it is destroyed', async (t) => {
  const { core, instance: own, identify, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await perform((work) => work.archive(id))
  await assert.rejects(
    perform((work) => work.lease(id)),
    faults('ObjectArchived'),
  )
  const { version: trustVersion } = await core.access.snapshot()
  const administrator = async () => ({
    ...(await identify()),
    trustVersion,
    actor: manager,
    instanceId: own.id,
  })
  await core.keys.perform(administrator, (work) => work.lease(id))
  await core.keys.perform(administrator, (work) => work.destroy(id))
  await assert.rejects(
    core.keys.perform(administrator, (work) => work.lease(id)),
    faults('ObjectDestroyed'),
  )
})

test('only what has a state is activated, and where a version says so only what is cryptographic', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const register = (objectType: 'Template' | 'OpaqueObject') =>
    perform((work) =>
      work.register({ objectType, attributes: attributeSet({}) }, { bytes: Buffer.of(1), head: {} }),
    )
  const [template, opaque] = [await register('Template'), await register('OpaqueObject')]
  const onlyCryptographic = { onlyCryptographic: true }
  await assert.rejects(
    perform((work) => work.activate(template)),
    faults('IllegalOperation', /cannot be activated/),
  )
  await assert.rejects(
    perform((work) => work.activate(opaque, onlyCryptographic)),
    faults('IllegalOperation'),
  )
  await perform((work) => work.activate(opaque))
  const key = await perform(createKey())
  await perform((work) => work.activate(key, onlyCryptographic))
})
