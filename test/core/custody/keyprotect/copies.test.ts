// One standard key of one object: it opens as nothing else, it is deleted for no reason but those of the rules, and its server has
// named itself in the audit log before.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { readIfThere, requireStandardKeys } from '../../../../src/core/custody/keyprotect/copies.ts'
import { readDescription } from '../../../../src/core/custody/keyprotect/description.ts'
import { PayloadError, unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { standardKeyLookAfterMs, standardKeyTriesMax } from '../../../../src/base/bounds.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { underLease } from '../../../../src/core/ports/leases.ts'
import { RootKeyError, StandardKeyUncertain, type RootKey } from '../../../../src/core/ports/root-key.ts'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { createKey, makeInstance } from '../../../support/server/core.ts'
import { openKeyProtectSite, type KeyProtectSite } from '../../../support/root-keys/keyprotect-site.ts'
import { until } from '../../../support/time/until.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

const facts = {
  algorithm: 'AES',
  length: 256,
  mask: 12,
  names: [],
  closing: null,
  deactivationDate: null,
  restrictions: { sensitive: false, extractable: true, usageLimits: null },
} as const

function create({ core, instance }: Pick<KeyProtectSite, 'core' | 'instance'>, identifier = 'k') {
  const material = { bytes: randomBytes(32), head: { keyFormatType: 'Raw' } } as const
  const { copies } = core.custodies.keyprotect
  const { rootKey } = core
  return copies.create({
    instance,
    rootKey,
    identifier,
    objectType: 'SymmetricKey',
    material,
    facts,
    generation: 1,
  })
}

test('it opens as the object of its instance alone, whoever else has that root key and that identifier', async (t) => {
  const { core, instance } = await openKeyProtectSite(t)
  const other = await makeInstance(core, 'other', { custody: 'keyprotect' })
  const { id } = await create({ core, instance })
  const own = { instanceId: instance.id, identifier: 'k', objectType: 'SymmetricKey' }
  const { copies } = core.custodies.keyprotect
  const read = (more: object) => copies.read(core.rootKey, id, { ...own, ...more })
  assert.equal((await read({})).bytes.length, 32)
  for (const more of [{ instanceId: other.id }, { identifier: 'l' }, { objectType: 'SecretData' }])
    await assert.rejects(read(more), PayloadError, JSON.stringify(more))
})

test('an object that is opened for a client is found by its wrapped form, until it is open', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, standardKeys } = site
  const { copies } = core.custodies.keyprotect
  const made = async (identifier: string) => {
    const { id } = await create(site, identifier)
    const { wrapped } = unpackPayload(standardKeys.kept.get(id)?.payload ?? Buffer.of())
    const object = { instanceId: instance.id, identifier }
    const read = (isNoted: boolean) => copies.read(core.rootKey, id, object, undefined, isNoted)
    return { object, read, opening: () => copies.opening(wrapped) }
  }
  const [a, b, c] = [await made('a'), await made('b'), await made('c')]
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const unwrap = core.rootKey.unwrap.bind(core.rootKey)
  let waiting = 0
  core.rootKey.unwrap = async (...asked) => {
    waiting++
    await held
    return unwrap(...asked)
  }
  const reads = [a.read(true), b.read(true)]
  await until(() => waiting === 2, 'both are being opened')
  core.rootKey.unwrap = async (...asked) => {
    assert.equal(c.opening(), undefined, 'it is opened for the server')
    return unwrap(...asked)
  }
  await c.read(false)
  core.rootKey.unwrap = unwrap
  await a.read(false)
  assert.deepEqual([a.opening(), b.opening()], [a.object, b.object])
  release()
  await Promise.all(reads)
  assert.deepEqual([a.opening(), b.opening()], [undefined, undefined])
})

test('a payload says whether its instance’s objects may share Names', async (t) => {
  const { core, standardKeys } = await openKeyProtectSite(t)
  for (const names of ['unique', 'shared'] as const) {
    const instance = await makeInstance(core, names, { custody: 'keyprotect', names })
    const { id } = await create({ core, instance })
    const { header } = unpackPayload(standardKeys.kept.get(id)?.payload ?? Buffer.of())
    assert.equal(header.sharesNames, names === 'shared' ? true : undefined)
  }
})

test('without a reason of the rules it is not deleted, and the service is not even asked', async (t) => {
  const { core, instance, standardKeys } = await openKeyProtectSite(t)
  const { id, generation } = await create({ core, instance })
  const { copies } = core.custodies.keyprotect
  const { copy } = await copies.read(core.rootKey, id, { instanceId: instance.id, identifier: 'k' })
  const record = { instanceId: instance.id, identifier: 'k', generation }
  const remove = (isMarked: boolean, isUnwanted?: boolean) => {
    const grounds = { because: 'left', isMarked, isAbove: false } as const
    const asked = isUnwanted === undefined ? undefined : async () => isUnwanted
    return copies.remove(core.rootKey, record, copy, grounds, asked)
  }
  assert.equal(await remove(false), false)
  assert.equal(await remove(true, false), false, 'the database wants it again')
  assert.deepEqual([standardKeys.calls.remove, standardKeys.live().length], [0, 1])
  assert.equal(await remove(true), true)
  assert.deepEqual(standardKeys.live(), [])
})

test('a client whose key waits for that entry gets it, also where work began it that has lost its lease', async (t) => {
  const { core, instance, perform } = await openKeyProtectSite(t)
  const work = underLease({ name: 'standard-keys', fence: 99 }, () => create({ core, instance }))
  const [, key] = await Promise.allSettled([work, perform(createKey())])
  assert.equal(key.status, 'fulfilled')
})

test('nothing is stored before the audit log names this run of the server, and it names it once', async (t) => {
  const { core, around, perform, standardKeys } = await openKeyProtectSite(t)
  const begun = async () => {
    const { entries } = await core.store.audit({ order: 'oldest', limit: 100 })
    return entries
      .map(({ body }) => JSON.parse(body) as AuditEntry)
      .filter(({ action }) => action === 'standard-key.begin')
      .map(({ detail }) => detail?.['writer'])
  }
  around.before = ({ entries }) => {
    if (entries.some(({ action }) => action === 'standard-key.begin'))
      throw new StoreUnavailable('unavailable', 'gone')
  }
  await assert.rejects(perform(createKey()))
  assert.deepEqual([standardKeys.calls.create, await begun()], [0, []])
  around.before = () => undefined
  await perform(createKey())
  await perform(createKey())
  assert.deepEqual([standardKeys.calls.create, await begun()], [2, [core.store.writer]])
})

test('a create that is never answered is tried so many times as the limit says, each a generation higher, with a pause after each', async (t) => {
  const site = await openKeyProtectSite(t)
  const { standardKeys } = site
  standardKeys.createFaults = Array.from({ length: 9 }, () => 'uncertain-before' as const)
  const descriptions: string[] = []
  const createOne = standardKeys.create.bind(standardKeys)
  standardKeys.create = (wanted, ...asked) => {
    descriptions.push(wanted.description)
    return createOne(wanted, ...asked)
  }
  const begunMs = site.core.clock.monotonic()
  await assert.rejects(create(site), StandardKeyUncertain)
  const pausesMs = standardKeyTriesMax * standardKeyLookAfterMs
  assert.equal(site.core.clock.monotonic() - begunMs, pausesMs)
  const generations = descriptions.map((text) => {
    const said = readDescription(text)
    return said?.kind === 'key' && said.generation
  })
  assert.deepEqual(
    generations,
    Array.from({ length: standardKeyTriesMax }, (_, index) => index + 1),
  )
})

test('a standard key that was deleted has no payload; one that the service does not show now has not been deleted', async (t) => {
  const { core, standardKeys } = await openKeyProtectSite(t)
  const { rootKey } = core
  const wanted = { name: 'mortise-k', description: 'by hand', payload: Buffer.of(1) }
  const id = await standardKeys.create(wanted)
  const read = async (id: string) => (await readIfThere(rootKey, id))?.length
  assert.deepEqual([await read(id), await read('no such key')], [1, undefined])
  standardKeys.faults.set(id, 'unreachable')
  await assert.rejects(read(id), reaches('unreachable'))
})

test('beside a root key whose service keeps no keys none is kept', () => {
  const rootKey = { uri: 'file:root.key', id: 'r' } as RootKey
  assert.throws(
    () => requireStandardKeys(rootKey),
    reaches(
      'root-key',
      /file:root\.key cannot keep keys beside it: .* needs a root key in Key Protect or HPCS/,
    ),
  )
})

test('after a create without an answer, a service that does not list is not believed to have it, and a bug is no such service', async (t) => {
  for (const [error, generation] of [
    [new RootKeyError('unreachable', 'away'), 2],
    [new TypeError('a bug'), null],
  ] as const) {
    const site = await openKeyProtectSite(t)
    const { standardKeys } = site
    standardKeys.createFaults = ['uncertain-after']
    standardKeys.find = () => Promise.reject(error)
    if (generation === null) await assert.rejects(create(site), error)
    else assert.equal((await create(site)).generation, generation)
  }
})
