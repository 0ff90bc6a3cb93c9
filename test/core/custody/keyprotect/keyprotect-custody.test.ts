// Custody `keyprotect`: each key is stored as one standard key at its root key's service and nowhere else, no more than
// one is left of each, none that somebody may need is deleted, and deleting it revokes the key.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { readDescription, standardKeyName } from '../../../../src/core/custody/keyprotect/description.ts'
import { wantedOf } from '../../../../src/core/custody/keyprotect/markers.ts'
import { unpackPayload } from '../../../../src/core/custody/keyprotect/payload.ts'
import { decodeStandardKeyRef, isStandardKeyRef } from '../../../../src/core/custody/keyprotect/reference.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import { rootKeyPlaintextBytesMax, rootKeyWaitMs } from '../../../../src/base/bounds.ts'
import { rootKeyAskAgainMs } from '../../../../src/core/sealing/bounds.ts'
import { rootKeyAnswerTimeoutMs } from '../../../../src/outside/rootkey/bounds.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { StoreUnavailable, type Store } from '../../../../src/core/ports/store.ts'
import { openMaterial } from '../../../../src/core/sealing/envelope.ts'
import { activeKey, openKeyProtectSite, revoke } from '../../../support/root-keys/keyprotect-site.ts'
import { attributeSet, createKey, faults, makeInstance, trustClient } from '../../../support/server/core.ts'

async function entries({ store }: { readonly store: Store }) {
  const page = await store.audit({ order: 'oldest', limit: 1000 })
  return page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
}

test('a key is one standard key, whose payload says what it is; the database holds only a reference', async (t) => {
  const { core, instance, perform, get, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey({ Name: { NameValue: 'disk', NameType: 'UninterpretedTextString' } }))
  const [kept, ...others] = standardKeys.live()
  assert.ok(kept)
  assert.deepEqual(others, [])
  assert.equal(kept.name, `mortise-${id}`)
  const { header, wrapped } = unpackPayload(kept.payload)
  const { writer, ...said } = header
  assert.equal(writer, core.store.writer)
  assert.deepEqual(said, {
    instance: instance.id,
    instanceName: 'vmware',
    identifier: id,
    objectType: 'SymmetricKey',
    generation: 1,
    head: { keyFormatType: 'Raw' },
    algorithm: 'AES',
    length: 256,
    mask: 12,
    names: [{ value: 'disk', type: 'UninterpretedTextString' }],
    closing: null,
    deactivationDate: null,
    restrictions: { sensitive: false, extractable: true, usageLimits: null },
  })
  const record = await core.store.object(instance.id, id)
  assert.ok(isStandardKeyRef(record?.sealed ?? null))
  assert.equal(record?.dataKeyId, null)
  assert.equal(decodeStandardKeyRef(record?.sealed ?? Buffer.of()).standardKeyId, kept.id)
  const bytes = await get(id)
  assert.equal(bytes.length, 32)
  await core.close()
  const database = readFileSync(core.file)
  assert.ok(database.includes(kept.id))
  assert.equal(database.includes(bytes), false)
  assert.equal(database.includes(wrapped), false)
})

test('what was just made is served from memory; after a restart it is read and unwrapped, once for all who ask', async (t) => {
  const { core, perform, get, forget, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  const first = await get(id)
  assert.equal(standardKeys.calls.read, 0)
  assert.equal(core.rootKey.unwraps, 0)
  forget()
  const release = core.rootKey.hold()
  const asked = Array.from({ length: 20 }, () => get(id))
  await new Promise((resolve) => setTimeout(resolve, 50))
  release()
  for (const bytes of await Promise.all(asked)) assert.deepEqual(bytes, first)
  assert.equal(standardKeys.calls.read, 1)
  assert.equal(core.rootKey.unwraps, 1)
  const called = (await entries(core)).filter(({ detail }) => detail?.['correlationIds'] !== undefined)
  const actions = called.map(({ action }) => action)
  assert.equal(actions[0], 'key.create')
  assert.equal(actions.filter((action) => action === 'key.get').length, 20, 'all were answered by that call')
})

test('wiping what one caller got does not touch what the next one gets', async (t) => {
  const { perform, get } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  const first = await get(id)
  await perform(async (work) => {
    const { material } = await work.fetch(id)
    material.bytes.fill(0)
  })
  assert.deepEqual(await get(id), first)
  assert.notDeepEqual(first, Buffer.alloc(32))
})

test('deleting the standard key revokes that key and no other; restoring it brings it back', async (t) => {
  const { core, perform, get, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  const before = await get(a)
  const [kept] = standardKeys.live(`mortise-${a}`)
  assert.ok(kept)
  kept.deleted = true
  // The record of the first Get is in the log.
  await core.store.audit({ order: 'newest', limit: 1 })
  core.clock.pass(301_000)
  await assert.rejects(get(a), faults('GeneralFailure', /does not open, though its root key answers/))
  assert.equal((await get(b)).length, 32)
  assert.deepEqual(core.events, [], 'one key is no trouble of the root key')
  await sweepLater()
  kept.deleted = false
  assert.deepEqual(await get(a), before)
})

test('the root key says no: nothing is served, and all of it again when it says yes', async (t) => {
  const { core, perform, get } = await openKeyProtectSite(t)
  const ids = [await perform(createKey()), await perform(createKey())]
  core.clock.pass(301_000)
  core.rootKey.fault = 'root-key'
  for (const id of ids) await assert.rejects(get(id), faults('GeneralFailure', /withdrawn/))
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /withdrawn/))
  assert.deepEqual(core.events, ['withdrawn'])
  core.rootKey.fault = null
  core.clock.pass(rootKeyAskAgainMs)
  for (const id of ids) assert.equal((await get(id)).length, 32)
  assert.deepEqual(core.events, ['withdrawn', 'answers'])
})

test('out of reach: what is in memory is served until cache and outage are over; new keys are refused', async (t) => {
  const { core, perform, get, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  core.rootKey.fault = 'unreachable'
  core.clock.pass(301_000)
  assert.equal((await get(id)).length, 32)
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /cannot be reached/))
  assert.equal(standardKeys.live().length, 1)
  core.clock.pass(3600_000)
  await assert.rejects(get(id), faults('GeneralFailure', /cannot be reached/))
})

test('an answer that is lost costs nothing twice: what was made is found, what was not is made as the next generation', async (t) => {
  const { perform, get, forget, standardKeys, sweepLater } = await openKeyProtectSite(t)
  standardKeys.createFaults = ['uncertain-after']
  const a = await perform(createKey())
  assert.deepEqual(
    standardKeys.live().map(({ name }) => name),
    [`mortise-${a}`],
  )
  standardKeys.createFaults = ['uncertain-before']
  const b = await perform(createKey())
  const [made, ...others] = standardKeys.live(`mortise-${b}`)
  assert.ok(made)
  assert.deepEqual(others, [])
  assert.equal(unpackPayload(made.payload).header.generation, 2)
  forget()
  for (const id of [a, b]) assert.equal((await get(id)).length, 32)
  await sweepLater()
  assert.equal(standardKeys.live().length, 2, 'what counts was not touched')
})

test('what arrives at the service late is deleted eleven minutes later, and opens nothing', async (t) => {
  const { core, perform, get, forget, standardKeys, sweepLater } = await openKeyProtectSite(t)
  standardKeys.createFaults = ['uncertain-after', 'uncertain-after']
  const find = standardKeys.find.bind(standardKeys)
  // The service's list is late.
  standardKeys.find = async () => []
  const id = await perform(createKey())
  const bytes = await get(id)
  assert.equal(standardKeys.live(`mortise-${id}`).length, 3)
  standardKeys.find = find
  await core.sweep()
  assert.equal(standardKeys.live(`mortise-${id}`).length, 3, 'another request may be storing them')
  await sweepLater()
  const [left, ...more] = standardKeys.live(`mortise-${id}`)
  assert.ok(left)
  assert.deepEqual(more, [])
  assert.equal(unpackPayload(left.payload).header.generation, 3)
  forget()
  assert.deepEqual(await get(id), bytes)
})

test('a create whose answer takes longer than a client waits is refused at once, and a sweep completes it', async (t) => {
  const { core, perform, get, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const create = standardKeys.create.bind(standardKeys)
  standardKeys.createFaults = ['uncertain-after']
  standardKeys.create = (...asked) => {
    core.clock.pass(rootKeyAnswerTimeoutMs)
    return create(...asked)
  }
  const begunMs = core.clock.monotonic()
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /cannot be reached/))
  assert.equal(core.clock.monotonic() - begunMs, rootKeyAnswerTimeoutMs)
  assert.deepEqual([standardKeys.calls.create, standardKeys.calls.find], [1, 0])
  const [made] = standardKeys.live()
  assert.ok(made)
  await sweepLater()
  assert.equal((await get(made.name.replace('mortise-', ''))).length, 32)
})

for (const hanging of ['wrap', 'create', 'look for what was made'] as const)
  test(`a Create whose ${hanging} hangs is refused when its client waits no longer, whatever came of it`, async (t) => {
    const { core, perform, get, standardKeys, sweepLater } = await openKeyProtectSite(t)
    const release = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const hang = async () => {
      begun.resolve()
      await release.promise
    }
    const wrap = core.rootKey.wrap.bind(core.rootKey)
    const create = standardKeys.create.bind(standardKeys)
    const find = standardKeys.find.bind(standardKeys)
    if (hanging === 'wrap') core.rootKey.wrap = (...asked) => hang().then(() => wrap(...asked))
    else if (hanging === 'create') standardKeys.create = (...asked) => hang().then(() => create(...asked))
    else {
      standardKeys.createFaults = ['uncertain-after']
      standardKeys.find = (...asked) => hang().then(() => find(...asked))
    }
    const refused = assert.rejects(perform(createKey()), faults('GeneralFailure', /cannot be reached/))
    await begun.promise
    core.clock.pass(rootKeyWaitMs)
    release.resolve()
    await refused
    await sweepLater()
    const [made] = standardKeys.live()
    if (made) assert.equal((await get(made.name.replace('mortise-', ''))).length, 32)
    assert.equal(made !== undefined, hanging !== 'wrap')
  })

test('a destroyed key leaves no other attempt of it behind', async (t) => {
  const { perform, rows, standardKeys } = await openKeyProtectSite(t)
  standardKeys.createFaults = ['uncertain-after']
  const find = standardKeys.find.bind(standardKeys)
  standardKeys.find = async () => []
  const id = await perform(createKey())
  standardKeys.find = find
  assert.equal(standardKeys.live().length, 2)
  await perform((work) => work.destroy(id))
  assert.deepEqual(standardKeys.live(), [])
  assert.deepEqual(await rows(), [])
})

test('a Create that was cut off before its commit is completed, with its Name, and not deleted', async (t) => {
  const { core, around, perform, get, rows, standardKeys, sweepLater, stateOf } = await openKeyProtectSite(t)
  const name = { NameValue: 'disk', NameType: 'UninterpretedTextString' }
  // As if the process had ended: nothing is tidied up either.
  around.before = ({ writes }) => {
    if (writes.some(({ type }) => type === 'object' || type === 'standard-key'))
      throw new StoreUnavailable('unavailable', 'gone')
  }
  await assert.rejects(perform(createKey({ Name: name })), faults('GeneralFailure'))
  around.before = () => undefined
  const [left, ...more] = standardKeys.live()
  assert.ok(left)
  assert.deepEqual(more, [])
  await core.sweep()
  assert.deepEqual(await rows(), [], 'it may be another node at work')
  await sweepLater()
  const { identifier } = unpackPayload(left.payload).header
  assert.equal((await get(identifier)).length, 32)
  assert.equal(await stateOf(identifier), 'Active')
  assert.equal((await rows('current')).length, 1)
  await assert.rejects(perform(createKey({ Name: name })), faults('NonUniqueNameAttribute'))
  assert.deepEqual(core.keyring.status.standardKeys.now, [], 'it is our own')
})

test('a Name that a client gave to another key meanwhile stays with that one', async (t) => {
  const { core, around, instance, perform, standardKeys, sweepLater } = await openKeyProtectSite(t)
  const name = { NameValue: 'disk', NameType: 'UninterpretedTextString' }
  around.before = ({ writes }) => {
    if (writes.some(({ type }) => type === 'object' || type === 'standard-key'))
      throw new StoreUnavailable('unavailable', 'gone')
  }
  await assert.rejects(perform(createKey({ Name: name })), faults('GeneralFailure'))
  around.before = () => undefined
  const other = await perform(createKey({ Name: name }))
  await sweepLater()
  assert.equal(standardKeys.live().length, 2)
  const all = await core.keys.list({ instanceId: instance.id, limit: 10, includeDestroyed: false })
  const named = all.filter(({ attributes }) => attributes.has('Name'))
  assert.deepEqual([all.length, named.map(({ uniqueIdentifier }) => uniqueIdentifier)], [2, [other]])
})

test('what is not committed leaves no standard key behind', async (t) => {
  const { perform, rows, standardKeys } = await openKeyProtectSite(t)
  const aes = attributeSet({
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: 12,
  })
  await perform(async (work) => {
    await work.create({ objectType: 'SymmetricKey', attributes: aes })
    work.undo(new Fault('InvalidField', 'the next item failed'))
  })
  assert.deepEqual(standardKeys.live(), [])
  const name = { NameValue: 'taken', NameType: 'UninterpretedTextString' }
  await perform(createKey({ Name: name }))
  const created = standardKeys.calls.create
  await assert.rejects(perform(createKey({ Name: name })), faults('NonUniqueNameAttribute'))
  assert.equal(standardKeys.calls.create, created, 'a refusal that is known before costs no key')
  assert.equal((await rows()).length, 1)
})

test('destroyed: the standard key is deleted before the answer, or as soon as the service answers', async (t) => {
  const { core, perform, rows, standardKeys, stateOf } = await openKeyProtectSite(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  await perform((work) => work.destroy(a))
  assert.deepEqual(standardKeys.live(`mortise-${a}`), [])
  standardKeys.faults.set(standardKeys.live(`mortise-${b}`)[0]?.id ?? '', 'unreachable')
  const destroy = perform((work) => work.destroy(b))
  await assert.rejects(
    destroy,
    faults('GeneralFailure', /was done on this server, but could not be recorded/),
  )
  assert.equal(await stateOf(b), 'Destroyed')
  assert.equal(standardKeys.live(`mortise-${b}`).length, 1)
  assert.equal((await rows('unwanted')).length, 1)
  standardKeys.faults.clear()
  await core.custodies.keyprotect.sweep.run()
  assert.deepEqual(standardKeys.live(), [])
  assert.deepEqual(await rows(), [])
})

test('a destroyed key that its owner restores there is deleted again, and never served', async (t) => {
  const { perform, get, standardKeys, sweepLater, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  await perform(revoke(id))
  await perform((work) => work.destroy(id))
  for (const kept of standardKeys.kept.values()) kept.deleted = false
  assert.ok(standardKeys.live(`mortise-${id}`).length >= 2)
  await assert.rejects(get(id), faults('ObjectDestroyed'))
  await sweepLater()
  assert.deepEqual(standardKeys.live(`mortise-${id}`), [])
  assert.equal(await stateOf(id), 'Destroyed')
})

for (const [code, state] of [
  ['CessationOfOperation', 'Deactivated'],
  ['KeyCompromise', 'Compromised'],
] as const)
  test(`${state}: recorded at the service before it is answered, as a higher generation, and the one before is deleted`, async (t) => {
    const { perform, get, forget, rows, standardKeys } = await openKeyProtectSite(t)
    const id = await activeKey({ perform })
    const bytes = await get(id)
    await perform(revoke(id, code))
    const [kept, ...others] = standardKeys.live(`mortise-${id}`)
    assert.ok(kept)
    assert.deepEqual(others, [])
    const { header } = unpackPayload(kept.payload)
    assert.deepEqual([header.generation, header.closing?.state, header.closing?.reason], [4, state, code])
    const said = readDescription(kept.description)
    assert.equal(said?.kind === 'key' && said.closing, state)
    assert.deepEqual(
      (await rows()).map((row) => [row.id, row.state]),
      [[kept.id, 'current']],
    )
    forget()
    assert.deepEqual(await get(id), bytes)
  })

test('a Deactivation Date is recorded at the service before it is answered, and so is its change', async (t) => {
  const { perform, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  await perform((work) => work.addAttribute(id, date(4_000_000_000n)))
  const recorded = () =>
    standardKeys.live(`mortise-${id}`).map((kept) => unpackPayload(kept.payload).header.deactivationDate)
  assert.deepEqual(recorded(), [4_000_000_000])
  await perform((work) => work.modifyAttribute(id, date(4_100_000_000n)))
  assert.deepEqual(recorded(), [4_100_000_000])
  const { create } = standardKeys.calls
  await perform((work) =>
    work.addAttribute(id, { key: 'x-Name', value: { type: 'TextString', value: 'web' }, version: '1.4' }),
  )
  assert.equal(standardKeys.calls.create, create, 'what is not recorded there costs no call')
})

test('what is done is done: when it cannot be recorded the answer says so, and it is recorded later', async (t) => {
  const { core, instance, perform, rows, standardKeys, stateOf } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  core.rootKey.fault = 'unreachable'
  await assert.rejects(perform(revoke(id)), faults('GeneralFailure', /was done on this server/))
  assert.equal(await stateOf(id), 'Deactivated')
  assert.equal((await rows('due')).length, 1)
  const told = () => core.keyring.status.standardKeys.now.map(({ what, instanceId }) => [what, instanceId])
  assert.deepEqual(told(), [['record', instance.id]])
  core.rootKey.fault = null
  await core.custodies.keyprotect.sweep.run()
  assert.deepEqual(
    standardKeys.live(`mortise-${id}`).map((kept) => unpackPayload(kept.payload).header.closing?.state),
    ['Deactivated'],
  )
  assert.deepEqual([told(), (await rows()).map(({ state }) => state)], [[], ['current']])
})

test('a bug while a closing is recorded is no trouble of the service', async (t) => {
  const { core, perform } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  const { copies } = core.custodies.keyprotect
  const create = copies.create.bind(copies)
  copies.create = () => Promise.reject(new TypeError('a bug'))
  await assert.rejects(perform(revoke(id)))
  assert.deepEqual(core.keyring.status.standardKeys.now, [])
  copies.create = create
})

test('a Revoke that was cut off after it was stored at the service is completed, and not stored twice', async (t) => {
  const { core, around, perform, rows, standardKeys } = await openKeyProtectSite(t)
  const id = await activeKey({ perform })
  let commits = 0
  around.before = ({ writes }) => {
    // The first one is the closing, the second one points to the closed generation.
    if (writes.some(({ type }) => type === 'object') && ++commits > 1)
      throw new StoreUnavailable('unavailable', 'gone')
  }
  await assert.rejects(perform(revoke(id)), faults('GeneralFailure', /was done on this server/))
  around.before = () => undefined
  assert.equal(standardKeys.live(`mortise-${id}`).length, 2)
  const { create } = standardKeys.calls
  await core.custodies.keyprotect.sweep.run()
  assert.equal(standardKeys.calls.create, create)
  assert.equal(standardKeys.live(`mortise-${id}`).length, 1)
  assert.equal((await rows('current')).length, 1)
})

test('a standard key that was put in the place of another opens nothing', async (t) => {
  const { perform, get, forget, standardKeys } = await openKeyProtectSite(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  const [ofA] = standardKeys.live(`mortise-${a}`)
  const [ofB] = standardKeys.live(`mortise-${b}`)
  assert.ok(ofA && ofB)
  standardKeys.kept.set(ofA.id, { ...ofA, payload: ofB.payload })
  forget()
  await assert.rejects(get(a), faults('GeneralFailure', /altered/))
  for (const [from, to] of [
    [b, a],
    ['"generation":1', '"generation":2'],
    ['"sensitive":false', '"sensitive":true '],
  ] as const) {
    const altered = Buffer.from(ofB.payload).toString('latin1').replaceAll(b, a).replaceAll(from, to)
    standardKeys.kept.set(ofA.id, { ...ofA, payload: Buffer.from(altered, 'latin1') })
    await assert.rejects(get(a), faults('GeneralFailure', /does not open, though its root key answers/))
  }
})

test('too large for a standard key: a data key of the database seals it', async (t) => {
  const { core, instance, perform, get, forget, standardKeys } = await openKeyProtectSite(t)
  const attributes = attributeSet({})
  const head = { secretDataType: 'Password', keyFormatType: 'Opaque' } as const
  const keep = (bytes: Buffer) =>
    perform((work) => work.register({ objectType: 'SecretData', attributes }, { bytes, head }))
  const most = randomBytes(rootKeyPlaintextBytesMax)
  const large = randomBytes(rootKeyPlaintextBytesMax + 1)
  const [fits, fitsNot] = [await keep(Buffer.from(most)), await keep(Buffer.from(large))]
  forget()
  assert.deepEqual(await get(fits), most)
  assert.deepEqual(await get(fitsNot), large)
  assert.deepEqual(
    standardKeys.live().map(({ name }) => name),
    [`mortise-${fits}`],
  )
  const record = await core.store.object(instance.id, fitsNot)
  assert.ok(record?.sealed && record.dataKeyId !== null)
  const dataKey = await core.keyring.byId(instance, record.dataKeyId)
  const place = { purpose: 'object', instanceId: instance.id, identifier: fitsNot } as const
  const opened = openMaterial(dataKey, { ...place, objectType: 'SecretData' }, record.sealed)
  assert.deepEqual(opened.bytes, large)
})

test('a service that refuses to keep keys is no withdrawn root key: what there is goes on', async (t) => {
  const { core, perform, get, standardKeys } = await openKeyProtectSite(t)
  const id = await perform(createKey())
  standardKeys.createFaults = ['wrapped-form']
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /refuses to keep another key/))
  assert.deepEqual(core.events, [])
  assert.equal((await get(id)).length, 32)
})

test('an instance that is shredded leaves a marker alone at the service, now or when it answers again', async (t) => {
  const { core, instance, perform, rows, standardKeys, sweepLater } = await openKeyProtectSite(t)
  for (let index = 0; index < 3; index++) await perform(createKey())
  core.rootKey.fault = 'unreachable'
  const receipt = await core.trust.instances.shred(
    { kind: 'server', id: null, name: null, certificateSha256: null, address: null },
    instance.id,
  )
  assert.equal(receipt.standardKeys, 3)
  await core.sweep()
  assert.equal(standardKeys.live().length, 3)
  core.rootKey.fault = null
  await core.sweep()
  const [marker, ...more] = standardKeys.live()
  assert.deepEqual(more, [])
  assert.match(marker?.description ?? '', /^mortise 2 marker \d+, .*, epoch 0, to nowhere$/)
  assert.deepEqual(
    (await rows()).map(({ kind }) => kind),
    ['marker'],
  )
  await sweepLater()
  assert.equal(standardKeys.live().length, 1, 'it stays until what it speaks of is purged')
  for (const { id, deleted } of standardKeys.kept.values()) if (deleted) standardKeys.kept.delete(id)
  await sweepLater()
  assert.deepEqual([standardKeys.live(), await rows()], [[], []])
})

const to = (custody: string, rootKeyUri: string) => ({ way: 'to', custody, rootKeyUri })
const from = (custody: string, rootKeyUri: string) => ({ way: 'from', custody, rootKeyUri })

test('the commit that begins a move stores a marker where keys lie at a service, and where they will', async (t) => {
  const { core, instance } = await openKeyProtectSite(t)
  const [here, there] = [instance.rootKeyUri, 'test:there']
  for (const [before, after, expected] of [
    [['keyprotect', here], ['keyprotect', here], []],
    [['database', here], ['database', there], []],
    [['keyprotect', here], ['database', here], [[here, to('database', here)]]],
    [['database', here], ['keyprotect', there], [[there, from('database', here)]]],
    [
      ['keyprotect', here],
      ['keyprotect', there],
      [
        [here, to('keyprotect', there)],
        [there, from('keyprotect', here)],
      ],
    ],
  ] as const) {
    const [custody, rootKeyUri] = before
    const writes = await core.custodies.moving(
      { ...instance, custody, rootKeyUri, epoch: 3 },
      { custody: after[0], rootKeyUri: after[1] },
    )
    const markers = writes.map((write) =>
      write.type === 'standard-key' ? wantedOf(write.record) : assert.fail(write.type),
    )
    assert.deepEqual(
      markers.map((marker) => [marker.rootKeyUri, marker.says]),
      expected,
    )
    for (const marker of markers) assert.deepEqual([marker.instanceId, marker.epoch], [instance.id, 3])
  }
})

test('new keys are refused no more once an instance makes them elsewhere, and still on its way to another root key', async (t) => {
  const { core, instance, perform, standardKeys } = await openKeyProtectSite(t)
  standardKeys.createFaults = ['call']
  await assert.rejects(perform(createKey()))
  const told = () => core.keyring.status.standardKeys.now.map(({ what }) => what)
  for (const [custody, rootKeyUri, expected] of [
    ['keyprotect', 'test:there', ['make']],
    ['database', instance.rootKeyUri, []],
  ] as const) {
    await core.custodies.moving(instance, { custody, rootKeyUri })
    assert.deepEqual(told(), expected)
  }
})

test('what is kept of an instance are its own keys, without markers and what other instances keep', async (t) => {
  const { core, instance, perform } = await openKeyProtectSite(t)
  const other = await makeInstance(core, 'other', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, other, 'stranger')
  await perform(createKey())
  await core.keys.perform(identify, createKey())
  const says = { way: 'to', custody: 'database', rootKeyUri: core.rootKey.uri } as const
  const due = { instanceId: instance.id, rootKeyUri: 'test:there', epoch: 0, says }
  const write = await core.custodies.keyprotect.markers.due(due)
  await core.store.commit({ writes: [write], entries: [], durability: 'disk' })
  assert.deepEqual(await core.custodies.kept(instance.id), {
    count: 1,
    rootKeyUris: [core.rootKey.uri],
    cause: null,
  })
})

test('names fit the service whatever the identifier is', () => {
  assert.equal(standardKeyName('0af1'), 'mortise-0af1')
  for (const identifier of ['a b', 'ключ', 'x'.repeat(83), '', '"', 'a/b'])
    assert.match(standardKeyName(identifier), /^mortise-[0-9a-f]{40}$/)
})

function date(seconds: bigint) {
  return { key: 'DeactivationDate', value: seconds, version: '1.4' } as const
}
