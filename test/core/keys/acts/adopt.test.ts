// Adopting one object as a transaction: check, act and entry together, in both custodies; what is refused changes nothing.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { AdoptedObject } from '../../../../src/core/keys/acts/adopt.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import type { State } from '../../../../src/core/keys/object/lifecycle.ts'
import { objectAttributesBytesMax } from '../../../../src/base/bounds.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import {
  attributeSet,
  createKey,
  faults,
  openCoreWithClient,
  type TestCore,
} from '../../../support/server/core.ts'
import { openKeyProtectSite } from '../../../support/root-keys/keyprotect-site.ts'

const bytes = () => Buffer.alloc(32, 5)
const sha256 = (of: Buffer) => createHash('sha256').update(of).digest()

interface Wanted {
  readonly state?: State
  readonly material?: Buffer
  readonly dryRun?: boolean
  readonly onDemand?: boolean
  readonly more?: Readonly<Record<string, unknown>>
}

function adopting(
  uniqueIdentifier: string,
  { state = 'Active', material = bytes(), dryRun = false, onDemand = false, more = {} }: Wanted = {},
) {
  const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more })
  const brought = {
    uniqueIdentifier,
    objectType: 'SymmetricKey',
    state,
    attributes,
    from: 'old:5696',
  } as const
  return (work: KeyTransaction) =>
    work.adopt(brought, { bytes: material, head: { keyFormatType: 'Raw' } }, { dryRun, onDemand })
}

async function entries(core: TestCore): Promise<readonly string[]> {
  const page = await core.store.audit({ order: 'oldest', limit: 1_000 })
  return page.entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .filter(({ action }) => action === 'key.adopt')
    .map(({ object, result, reason }) => `${object} ${result}${reason ? ` ${reason}` : ''}`)
}

test('new, the same, changed and in conflict: each has its outcome, and changes and refusals their entry', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  assert.equal((await perform(adopting('1'))).outcome, 'new')
  assert.equal((await perform(adopting('1'))).outcome, 'same')
  assert.equal(
    (await perform(adopting('1', { state: 'Deactivated', more: { DeactivationDate: 9n } }))).outcome,
    'changed',
  )
  const {
    entries: [changed],
  } = await core.store.audit({ order: 'newest', limit: 1 })
  const { detail } = JSON.parse(changed?.body ?? '{}') as AuditEntry
  assert.equal(detail?.['deactivationDate'], '1970-01-01T00:00:09.000Z', 'a restore finds it there')
  await assert.rejects(
    perform(adopting('1', { material: Buffer.alloc(32, 6) })),
    faults('ObjectAlreadyExists'),
  )
  await perform((work) => work.destroy('1'))
  await assert.rejects(perform(adopting('1')), faults('ObjectDestroyed'))
  assert.deepEqual(await entries(core), [
    '1 success',
    '1 success',
    '1 refused ObjectAlreadyExists',
    '1 refused ObjectDestroyed',
  ])
  assert.equal((await core.keys.show(instance.id, '1'))?.state, 'Destroyed')
})

test('Secret Data, whose digest is not stored, is the same if its bytes and its type are', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const adopt = (fill: number, secretDataType: 'Password' | 'Seed') => {
    const attributes = attributeSet({})
    const brought = {
      uniqueIdentifier: 's',
      objectType: 'SecretData',
      state: 'Active',
      attributes,
      from: 'old:5696',
    } as const
    const head = { keyFormatType: 'Opaque', secretDataType } as const
    return perform((work) => work.adopt(brought, { bytes: Buffer.alloc(9, fill), head }, { dryRun: false }))
  }
  assert.equal((await adopt(1, 'Password')).outcome, 'new')
  assert.equal((await adopt(1, 'Password')).outcome, 'same')
  await assert.rejects(adopt(2, 'Password'), faults('ObjectAlreadyExists'))
  await assert.rejects(adopt(1, 'Seed'), faults('ObjectAlreadyExists'))
})

test('a dry run stores nothing and enters nothing, whatever it finds', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  assert.equal((await perform(adopting('1', { dryRun: true }))).outcome, 'new')
  assert.equal(await core.keys.show(instance.id, '1'), undefined)
  await perform(adopting('2'))
  await assert.rejects(
    perform(adopting('2', { material: Buffer.alloc(32, 6), dryRun: true })),
    faults('ObjectAlreadyExists'),
  )
  assert.deepEqual(await entries(core), ['2 success'])
})

test('what a client asked for is counted and entered as adopted on demand, once', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const counted = async () => (await core.store.adoptedOnDemand(instance.id)).count
  await perform(adopting('1'))
  assert.equal(await counted(), 0)
  await perform(adopting('2', { onDemand: true }))
  await perform(adopting('2', { onDemand: true }))
  assert.equal(await counted(), 1)
  const page = await core.store.audit({ order: 'oldest', limit: 1_000 })
  const details = page.entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .filter(({ action }) => action === 'key.adopt')
    .map(({ detail }) => detail?.['onDemand'])
  assert.deepEqual(details, [undefined, true])
})

test('an object with more attributes than fit is refused as one, as if the instance had room', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const value = 'x'.repeat(objectAttributesBytesMax)
  const more = { 'x-Large': { type: 'TextString', value } }
  await assert.rejects(perform(adopting('1', { more })), faults('InvalidField', /attributes/))
  assert.deepEqual(await entries(core), ['1 refused InvalidField'])
  assert.equal(await core.keys.show(instance.id, '1'), undefined)
})

test('the material that was passed is wiped, also when it is refused', async (t) => {
  const { perform } = await openCoreWithClient(t)
  for (const identifier of ['1', 'k'.repeat(1_025)]) {
    const material = bytes()
    await perform(adopting(identifier, { material })).catch(() => undefined)
    assert.ok(
      material.every((byte) => byte === 0),
      identifier.slice(0, 5),
    )
  }
})

test('custody keyprotect: each key is one standard key, closed as it is there, and opens from the service', async (t) => {
  const { perform, rows, forget, stateOf, sweepLater } = await openKeyProtectSite(t)
  const closed = { DeactivationDate: 9n, CompromiseDate: 9n }
  const odd = 'ä/ü "1"'
  await perform(adopting('a'))
  await perform(adopting('b', { state: 'Deactivated', more: closed }))
  await perform(adopting('c', { state: 'Compromised', more: closed }))
  await perform(adopting(odd, { dryRun: true }))
  assert.equal((await rows('current')).length, 3)
  await perform(adopting(odd))
  assert.equal((await perform(adopting('a'))).outcome, 'same')
  assert.equal((await rows('current')).length, 4)
  forget()
  for (const id of ['a', 'b', 'c', odd])
    assert.deepEqual(await perform((work) => work.digest(id)), sha256(bytes()), id)
  await perform(adopting('a', { state: 'Deactivated', more: closed }))
  await sweepLater()
  assert.deepEqual(await Promise.all(['a', 'b', 'c', odd].map((id) => stateOf(id))), [
    'Deactivated',
    'Deactivated',
    'Compromised',
    'Active',
  ])
  assert.equal((await rows('current')).length, 4)
})

test('an object of another type is another object, though its bytes are the same', async (t) => {
  const { perform } = await openCoreWithClient(t)
  await perform(adopting('1'))
  const attributes = attributeSet({})
  const secret = {
    uniqueIdentifier: '1',
    objectType: 'SecretData',
    state: 'Active',
    attributes,
    from: 'old',
  } as const
  const head = { keyFormatType: 'Raw', secretDataType: 'Seed' } as const
  await assert.rejects(
    perform((work) => work.adopt(secret, { bytes: bytes(), head }, { dryRun: false })),
    faults('ObjectAlreadyExists'),
  )
})

test('Names that others have are kept beside, a guessed state is no news, and bytes alone bring none', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const Name = { NameValue: 'taken', NameType: 'UninterpretedTextString' }
  await perform(createKey({ Name }))
  const brought = (state: State, more: object = {}, facts: object = {}) => {
    const attributes = attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more })
    const object = {
      uniqueIdentifier: '1',
      objectType: 'SymmetricKey',
      state,
      attributes,
      from: 'old',
      ...facts,
    }
    const head = { keyFormatType: 'Raw' } as const
    return perform((work) => work.adopt(object as AdoptedObject, { bytes: bytes(), head }, { dryRun: false }))
  }
  const own = { NameValue: 'own', NameType: 'UninterpretedTextString' }
  const made = await brought('Active', { Name: [Name, own] }, { checked: 'by an administrator' })
  assert.deepEqual(made, { outcome: 'new', takenNames: ['taken'] })
  const shown = await core.keys.show(instance.id, '1')
  assert.deepEqual(
    shown?.attributes.get('Name')?.map(({ value }) => value),
    [own],
  )
  const { entries } = await core.store.audit({ order: 'newest', limit: 1, action: 'key.adopt' })
  const { detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
  assert.equal(detail?.['checked'], 'by an administrator')
  const names = { Name: [Name, own] }
  const guessed = await brought('Deactivated', names, { isStateGuessed: true })
  assert.deepEqual([guessed.outcome, (await core.keys.show(instance.id, '1'))?.state], ['same', 'Active'])
  const bytesOnly = await brought('Deactivated', { Comment: 'new' }, { bytesOnly: true })
  assert.deepEqual(bytesOnly, { outcome: 'same', takenNames: [] })
  const changed = await brought('Active', { ...names, Comment: 'new' })
  assert.deepEqual(changed, { outcome: 'changed', takenNames: ['taken'] })
})
