// Custody `keyprotect`: each key lies as one standard key at its root key's service and nowhere else, exactly one is
// made for each, none is forgotten whatever is cut off in between, and deleting it revokes the key.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { openMaterial } from '../../src/sealing/envelope.ts'
import type { KeyWork } from '../../src/keys/key-work.ts'
import { StoreUnavailable } from '../../src/ports/store.ts'
import type { AuditEntry } from '../../src/ports/audit.ts'
import type { StandardKeyRecord } from '../../src/ports/secrets.ts'
import { RootKeyError } from '../../src/ports/root-key.ts'
import { fromRecord, toWrite } from '../../src/keys/managed-object.ts'
import {
  describeStandardKey,
  isPlace,
  packPlace,
  standardKeyName,
  unpackPlace,
  unpackStandardKey,
} from '../../src/keys/standard-keys/place.ts'
import { Fault } from '../../src/kmip/fault.ts'
import { limits } from '../../src/limits.ts'
import { StoreAround } from '../support/store-around.ts'
import { attributeSet, createKey, faults, makeInstance, openWorld, trustClient } from '../support/world.ts'

async function begin(t: TestContext) {
  let around: StoreAround | undefined
  const world = await openWorld(t, { wrap: (store) => (around = new StoreAround(store)) })
  assert.ok(around)
  const instance = await makeInstance(world, 'vmware', { custody: 'keyprotect' })
  const { identify } = await trustClient(world, instance)
  const perform = <T>(work: (work: KeyWork) => Promise<T>) => world.keys.perform(identify, work)
  const get = (id: string) =>
    perform(async (work) => {
      const { material } = await work.fetch(id)
      return Buffer.from(material.bytes)
    })
  /** As after a restart: nothing is in memory. */
  const forget = () => world.keyring.forget(instance.id)
  const rows = (state?: 'intended' | 'current' | 'unwanted') =>
    world.store.standardKeys({ instanceId: instance.id, limit: 100, ...(state && { state }) })
  const { standardKeys } = world.rootKey
  return { world, around, instance, perform, get, forget, rows, shelf: standardKeys }
}

/** As the keeper describes it. */
function describedAs({ id, instanceId, generation }: StandardKeyRecord, rootKeyId: string): string {
  const attempt = id.replaceAll('-', '').slice(0, 12)
  return describeStandardKey({ kind: 'key', instanceId, rootKeyId, generation, attempt })
}

async function entries(world: { readonly store: Awaited<ReturnType<typeof begin>>['world']['store'] }) {
  const page = await world.store.audit({ order: 'oldest', limit: 1000 })
  return page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
}

test('a key is one standard key, whose payload says what it is; the database holds only where it lies', async (t) => {
  const { world, instance, perform, get, shelf } = await begin(t)
  const id = await perform(createKey())
  const [kept, ...others] = shelf.live()
  assert.ok(kept)
  assert.deepEqual(others, [])
  assert.equal(kept.name, `mortise-${id}`)
  const { header } = unpackStandardKey(kept.payload)
  const { instance: ofInstance, identifier, generation, algorithm, length, mask, objectType } = header
  assert.deepEqual(
    { ofInstance, identifier, generation, algorithm, length, mask, objectType },
    {
      ofInstance: instance.id,
      identifier: id,
      generation: 1,
      algorithm: 'AES',
      length: 256,
      mask: 12,
      objectType: 'SymmetricKey',
    },
  )
  const record = await world.store.object(instance.id, id)
  assert.ok(record?.sealed && isPlace(record.sealed))
  assert.equal(record.dataKeyId, null)
  assert.equal(unpackPlace(record.sealed).standardKeyId, kept.id)
  const bytes = await get(id)
  assert.equal(bytes.length, 32)
  await world.close()
  const database = readFileSync(world.file)
  assert.ok(database.includes(kept.id))
  assert.equal(database.includes(bytes), false)
  assert.equal(database.includes(Buffer.from(unpackStandardKey(kept.payload).wrapped)), false)
})

test('what was just made is served from memory; after a restart it is read and unwrapped, once for all who ask', async (t) => {
  const { world, perform, get, forget, shelf } = await begin(t)
  const id = await perform(createKey())
  const first = await get(id)
  assert.equal(shelf.calls.read, 0)
  assert.equal(world.rootKey.unwraps, 0)
  forget()
  const release = world.rootKey.hold()
  const asked = Array.from({ length: 20 }, () => get(id))
  await new Promise((resolve) => setTimeout(resolve, 50))
  release()
  for (const bytes of await Promise.all(asked)) assert.deepEqual(bytes, first)
  assert.equal(shelf.calls.read, 1)
  assert.equal(world.rootKey.unwraps, 1)
  const called = (await entries(world)).filter(({ detail }) => detail?.['correlationIds'] !== undefined)
  const actions = called.map(({ action }) => action)
  assert.equal(actions[0], 'key.create')
  assert.equal(actions.filter((action) => action === 'key.get').length, 20, 'all were answered by that call')
})

test('wiping what one caller got does not touch what the next one gets', async (t) => {
  const { perform, get } = await begin(t)
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
  const { world, perform, get, shelf } = await begin(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  const before = await get(a)
  const [kept] = shelf.live(`mortise-${a}`)
  assert.ok(kept)
  kept.deleted = true
  world.clock.pass(301_000)
  await assert.rejects(get(a), faults('GeneralFailure', /does not open, though its root key answers/))
  assert.equal((await get(b)).length, 32)
  assert.deepEqual(world.events, [], 'one key is no trouble of the root key')
  kept.deleted = false
  assert.deepEqual(await get(a), before)
})

test('the root key says no: nothing is served, and all of it again when it says yes', async (t) => {
  const { world, perform, get } = await begin(t)
  const ids = [await perform(createKey()), await perform(createKey())]
  world.clock.pass(301_000)
  world.rootKey.fault = 'root-key'
  for (const id of ids) await assert.rejects(get(id), faults('GeneralFailure', /withdrawn/))
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /withdrawn/))
  assert.deepEqual(world.events, ['withdrawn'])
  world.rootKey.fault = null
  world.clock.pass(limits.rootKeyAskAgainMs)
  for (const id of ids) assert.equal((await get(id)).length, 32)
  assert.deepEqual(world.events, ['withdrawn', 'answers'])
})

test('out of reach: what is in memory is served until cache and outage are over; new keys are refused', async (t) => {
  const { world, perform, get, shelf } = await begin(t)
  const id = await perform(createKey())
  world.rootKey.fault = 'unreachable'
  world.clock.pass(301_000)
  assert.equal((await get(id)).length, 32)
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /cannot be reached/))
  assert.equal(shelf.live().length, 1)
  world.clock.pass(3600_000)
  await assert.rejects(get(id), faults('GeneralFailure', /cannot be reached/))
})

test('an answer that is lost costs nothing twice: what was made is found, what was not is made as the next generation', async (t) => {
  const { world, perform, get, forget, rows, shelf } = await begin(t)
  shelf.createFaults = ['uncertain-after']
  const a = await perform(createKey())
  assert.deepEqual(
    shelf.live().map(({ name }) => name),
    [`mortise-${a}`],
  )
  shelf.createFaults = ['uncertain-before']
  const b = await perform(createKey())
  const [made, ...others] = shelf.live(`mortise-${b}`)
  assert.ok(made)
  assert.deepEqual(others, [])
  assert.equal(unpackStandardKey(made.payload).header.generation, 2)
  forget()
  for (const id of [a, b]) assert.equal((await get(id)).length, 32)
  // The first attempt may yet come through at the service: it is looked for until it is old.
  assert.equal((await rows('unwanted')).length, 1)
  assert.deepEqual(await world.keeper.sweep(), { deleted: 0, left: 1 })
  world.clock.pass(limits.standardKeyForgottenMs)
  assert.deepEqual(await world.keeper.sweep(), { deleted: 1, left: 0 })
  assert.equal(shelf.live().length, 2, 'what counts was not touched')
})

test('what comes through at the service after it was given up is deleted by the next sweep, and opens nothing', async (t) => {
  const { world, perform, get, forget, shelf } = await begin(t)
  shelf.createFaults = ['uncertain-after', 'uncertain-after']
  const find = shelf.find.bind(shelf)
  // The service's list is late.
  shelf.find = async () => []
  const id = await perform(createKey())
  assert.equal(shelf.live(`mortise-${id}`).length, 3)
  shelf.find = find
  assert.deepEqual(await world.keeper.sweep(), { deleted: 2, left: 0 })
  const [left] = shelf.live(`mortise-${id}`)
  assert.ok(left)
  assert.equal(unpackStandardKey(left.payload).header.generation, 3)
  forget()
  assert.equal((await get(id)).length, 32)
})

test('a destroyed key leaves no other attempt of it behind', async (t) => {
  const { perform, rows, shelf } = await begin(t)
  shelf.createFaults = ['uncertain-after']
  const find = shelf.find.bind(shelf)
  shelf.find = async () => []
  const id = await perform(createKey())
  shelf.find = find
  assert.equal(shelf.live().length, 2)
  await perform((work) => work.destroy(id))
  assert.deepEqual(shelf.live(), [])
  assert.deepEqual(await rows(), [])
})

test('a higher generation that never counted is deleted only after the object can never have it: else it would look revoked', async (t) => {
  const { world, instance, perform, rows, shelf } = await begin(t)
  const id = await perform(createKey())
  const [current] = await rows('current')
  assert.ok(current)
  const wanted = { instanceId: instance.id, kind: 'object', identifier: id, generation: 4 } as const
  const payload = Buffer.from('as if a rewrap had been killed here')
  const made = await world.keeper.make({ ...wanted, rootKey: world.rootKey }, async () => ({
    payload,
    keyVersion: '',
  }))
  await world.keeper.discard([made])
  assert.equal(shelf.live(`mortise-${id}`).length, 2, 'not yet')
  const noted: number[] = []
  world.journal.flush = async () => {
    assert.equal(shelf.live(`mortise-${id}`).length, 2, 'noted first')
    noted.push((await world.store.object(instance.id, id))?.version ?? 0)
  }
  assert.deepEqual(await world.keeper.sweep(), { deleted: 1, left: 0 })
  assert.deepEqual(noted, [4])
  assert.deepEqual(
    shelf.live(`mortise-${id}`).map((key) => key.id),
    [current.standardKeyId],
  )
  assert.equal((await world.store.unjournaled(instance.id, 10)).length, 1)
})

test('one that counted is deleted only when the journal names what took its place: else it would look revoked', async (t) => {
  const { world, instance, perform, rows, shelf } = await begin(t)
  const { store, keeper, rootKey } = world
  const id = await perform(createKey())
  const [before] = await rows('current')
  const stored = await store.object(instance.id, id)
  assert.ok(before && stored?.sealed)
  const wanted = { instanceId: instance.id, kind: 'object', identifier: id, generation: 2, rootKey } as const
  const [{ payload } = assert.fail()] = shelf.live(`mortise-${id}`)
  const made = await keeper.make(wanted, async () => ({ payload, keyVersion: '' }))
  const sealed = packPlace({
    ...unpackPlace(stored.sealed),
    standardKeyId: made.standardKeyId,
    generation: 2,
  })
  const next = toWrite({ ...fromRecord(stored), sealed, version: stored.version + 1 })
  await store.commit({
    writes: [{ ...next, journal: true }, keeper.counts(made), keeper.unwanted(before)],
    entries: [],
    durability: 'disk',
  })
  await keeper.discard([{ ...before, state: 'unwanted' }])
  assert.equal(shelf.live(`mortise-${id}`).length, 2, 'not yet')
  let noted = 0
  world.journal.flush = async () => {
    assert.equal(shelf.live(`mortise-${id}`).length, 2, 'noted first')
    noted++
  }
  assert.deepEqual(await keeper.sweep(), { deleted: 1, left: 0 })
  assert.equal(noted, 1)
  assert.deepEqual(
    shelf.live(`mortise-${id}`).map((key) => key.id),
    [made.standardKeyId],
  )
})

test('an attempt that was given up stays while another one at the same new key is under way', async (t) => {
  const { world, instance, perform, rows, shelf } = await begin(t)
  shelf.createFaults = ['uncertain-before']
  const answer = world.rootKey.standardKeys.find.bind(shelf)
  let swept: unknown
  shelf.find = async (name, more) => {
    const found = await answer(name, more)
    // The first one comes through late, and a sweep passes before the second one counts.
    if (swept === undefined) {
      swept = null
      const [intent = assert.fail()] = await rows('intended')
      const late = { name, description: describedAs(intent, world.rootKey.id), payload: Buffer.from('late') }
      await shelf.create(late)
    }
    return found
  }
  const create = shelf.create.bind(shelf)
  shelf.create = async (key, trail) => {
    const id = await create(key, trail)
    if (swept === null && shelf.live(key.name).length === 2) swept = await world.keeper.sweep()
    return id
  }
  const id = await perform(createKey())
  assert.deepEqual(swept, { deleted: 0, left: 1 })
  assert.equal(shelf.live(`mortise-${id}`).length, 2)
  await world.keeper.sweep()
  assert.equal(shelf.live(`mortise-${id}`).length, 1)
  assert.equal((await rows('current')).length, 1)
  assert.equal(instance.custody, 'keyprotect')
})

test('the one that counts is never deleted, whatever its record says', async (t) => {
  const { world, perform, rows, shelf } = await begin(t)
  const id = await perform(createKey())
  const [current] = await rows('current')
  assert.ok(current)
  const record = { ...current, state: 'unwanted' } as const
  await world.store.commit({
    writes: [{ type: 'standard-key', record, from: 'current' }],
    entries: [],
    durability: 'disk',
  })
  assert.deepEqual(await world.keeper.sweep(), { deleted: 0, left: 1 })
  assert.equal(shelf.live(`mortise-${id}`).length, 1)
})

test('many that are looked for are found in one list', async (t) => {
  const { world, perform, shelf } = await begin(t)
  const find = shelf.find.bind(shelf)
  shelf.find = async () => []
  for (let index = 0; index < 8; index++) {
    shelf.createFaults = ['uncertain-after']
    await perform(createKey())
  }
  shelf.find = find
  shelf.calls.find = 0
  assert.deepEqual(await world.keeper.sweep(), { deleted: 8, left: 0 })
  assert.equal(shelf.calls.find, 4)
  assert.equal(shelf.calls.list, 1)
  assert.equal(shelf.live().length, 8)
})

test('a list that fails keeps none from being deleted whose id is known', async (t) => {
  const { world, perform, rows, shelf } = await begin(t)
  const known: string[] = []
  for (let index = 0; index < 6; index++) known.push(await perform(createKey()))
  for (const { id } of shelf.live()) shelf.faults.set(id, 'unreachable')
  for (const id of known) await perform((work) => work.destroy(id))
  shelf.find = () => Promise.reject(new RootKeyError('unreachable', 'no list for now'))
  for (let index = 0; index < 8; index++) {
    shelf.createFaults = ['uncertain-after']
    await perform(createKey())
  }
  shelf.faults.clear()
  const list = t.mock.method(shelf, 'list', () => {
    throw new RootKeyError('unreachable', 'no list for now')
  })
  assert.equal((await rows('unwanted')).length, 14)
  assert.deepEqual(await world.keeper.sweep(), { deleted: 6, left: 8 })
  assert.equal(list.mock.callCount(), 1)
})

test('killed between the making and the commit: the sweep finds it and deletes it', async (t) => {
  const { world, around, perform, rows, shelf } = await begin(t)
  around.before = (change) => {
    if (change.writes.some(({ type }) => type === 'object')) throw new StoreUnavailable('unavailable', 'gone')
    // As if the process had ended: nothing is tidied up either.
    const given = change.writes.some((write) => write.type === 'standard-key' && write.from !== null)
    if (given) throw new StoreUnavailable('unavailable', 'gone')
  }
  await assert.rejects(perform(createKey()), faults('GeneralFailure'))
  around.before = () => undefined
  assert.equal(shelf.live().length, 1)
  assert.equal((await rows('intended')).length, 1)
  assert.deepEqual(await world.keeper.sweep(), { deleted: 0, left: 0 }, 'it may be another node at work')
  world.clock.pass(limits.standardKeyGivenUpMs + 1)
  assert.deepEqual(await world.keeper.sweep(), { deleted: 1, left: 0 })
  assert.deepEqual(shelf.live(), [])
  assert.deepEqual(await rows(), [])
})

test('given up while its maker still works, as by a clock that jumps: the key is made anew and opens', async (t) => {
  const { world, around, perform, get, forget, shelf } = await begin(t)
  let jumped = false
  around.before = async (change) => {
    if (jumped || !change.writes.some(({ type }) => type === 'object')) return
    jumped = true
    world.clock.jump(limits.standardKeyGivenUpMs + 1)
    await world.keeper.sweep()
    assert.deepEqual(shelf.live(), [])
  }
  const id = await perform(createKey())
  assert.ok(jumped)
  forget()
  assert.equal((await get(id)).length, 32)
  assert.equal(shelf.live().length, 1)
})

test('what is not committed leaves no standard key behind', async (t) => {
  const { perform, rows, shelf } = await begin(t)
  const undone = perform(async (work) => {
    await work.create({ objectType: 'SymmetricKey', attributes: aes })
    work.undo(new Fault('InvalidField', 'the next item failed'))
  })
  await undone
  assert.deepEqual(shelf.live(), [])
  const name = { NameValue: 'taken', NameType: 'UninterpretedTextString' }
  await perform(createKey({ Name: name }))
  const created = shelf.calls.create
  await assert.rejects(perform(createKey({ Name: name })), faults('NonUniqueNameAttribute'))
  assert.equal(shelf.calls.create, created, 'a refusal that is known before costs no key')
  assert.equal((await rows()).length, 1)
})

test('destroyed: the standard key is deleted before the answer, or by the sweep when the service is away', async (t) => {
  const { world, perform, rows, shelf } = await begin(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  await perform((work) => work.destroy(a))
  assert.deepEqual(shelf.live(`mortise-${a}`), [])
  shelf.faults.set(shelf.live(`mortise-${b}`)[0]?.id ?? '', 'unreachable')
  await perform((work) => work.destroy(b))
  assert.equal(shelf.live(`mortise-${b}`).length, 1)
  assert.equal((await rows('unwanted')).length, 1)
  shelf.faults.clear()
  assert.deepEqual(await world.keeper.sweep(), { deleted: 1, left: 0 })
  assert.deepEqual(shelf.live(), [])
})

test('a standard key that was put in the place of another opens nothing', async (t) => {
  const { perform, get, forget, shelf } = await begin(t)
  const [a, b] = [await perform(createKey()), await perform(createKey())]
  const [ofA] = shelf.live(`mortise-${a}`)
  const [ofB] = shelf.live(`mortise-${b}`)
  assert.ok(ofA && ofB)
  shelf.kept.set(ofA.id, { ...ofA, payload: ofB.payload })
  forget()
  await assert.rejects(get(a), faults('GeneralFailure', /altered/))
  const relabelled = Buffer.from(ofB.payload).toString('latin1').replaceAll(b, a)
  shelf.kept.set(ofA.id, { ...ofA, payload: Buffer.from(relabelled, 'latin1') })
  await assert.rejects(get(a), faults('GeneralFailure', /does not open, though its root key answers/))
})

test('too large for a standard key: a data key of the database seals it', async (t) => {
  const { world, instance, perform, get, forget, shelf } = await begin(t)
  const attributes = attributeSet({})
  const head = { secretDataType: 'Password', keyFormatType: 'Opaque' } as const
  const keep = (bytes: Buffer) =>
    perform((work) => work.register({ objectType: 'SecretData', attributes }, { bytes, head }))
  const most = randomBytes(limits.rootKeyPlaintextBytesMax)
  const large = randomBytes(limits.rootKeyPlaintextBytesMax + 1)
  const [fits, fitsNot] = [await keep(Buffer.from(most)), await keep(Buffer.from(large))]
  forget()
  assert.deepEqual(await get(fits), most)
  assert.deepEqual(await get(fitsNot), large)
  assert.deepEqual(
    shelf.live().map(({ name }) => name),
    [`mortise-${fits}`],
  )
  const record = await world.store.object(instance.id, fitsNot)
  assert.ok(record?.sealed && record.dataKeyId !== null)
  const dataKey = await world.keyring.byId(instance, record.dataKeyId)
  const place = { purpose: 'object', instanceId: instance.id, identifier: fitsNot } as const
  const opened = openMaterial(dataKey, { ...place, objectType: 'SecretData' }, record.sealed)
  assert.deepEqual(opened.bytes, large)
})

test('a service that refuses to keep keys is no withdrawn root key: what there is goes on', async (t) => {
  const { world, perform, get, shelf } = await begin(t)
  const id = await perform(createKey())
  shelf.createFaults = ['wrapped-form']
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /refuses to keep another key/))
  assert.deepEqual(world.events, [])
  assert.equal((await get(id)).length, 32)
})

test('an instance that is shredded leaves nothing at the service, now or when it answers again', async (t) => {
  const { world, instance, perform, rows, shelf } = await begin(t)
  for (let index = 0; index < 3; index++) await perform(createKey())
  world.rootKey.fault = 'unreachable'
  const receipt = await world.trust.instances.shred(
    { kind: 'server', id: null, name: null, certificateSha256: null, address: null },
    instance.id,
  )
  assert.equal(receipt.standardKeys, 3)
  await world.keeper.sweep()
  assert.equal(shelf.live().length, 3)
  world.rootKey.fault = null
  await world.keeper.sweep()
  assert.deepEqual(shelf.live(), [])
  assert.deepEqual(await rows(), [])
})

test('names fit the service whatever the identifier is', () => {
  assert.equal(standardKeyName('0af1'), 'mortise-0af1')
  for (const identifier of ['a b', 'ключ', 'x'.repeat(83), '', '"', 'a/b'])
    assert.match(standardKeyName(identifier), /^mortise-[0-9a-f]{40}$/)
})

test('what is done is done: when it cannot be noted outside, the answer says so and the change stays', async (t) => {
  const { world, instance, perform } = await begin(t)
  const id = await perform(createKey())
  await perform((work) => work.activate(id))
  world.journal.flush = async () => {
    throw new RootKeyError('unreachable', 'away')
  }
  const revoke = (work: KeyWork) => work.revoke(id, { code: 'KeyCompromise', ...none })
  await assert.rejects(perform(revoke), faults('GeneralFailure', /was done on this server/))
  assert.equal((await world.store.object(instance.id, id))?.state, 'Compromised')
})

const none = { message: undefined, compromiseOccurrenceDate: undefined }
const aes = attributeSet({
  CryptographicAlgorithm: 'AES',
  CryptographicLength: 256,
  CryptographicUsageMask: 12,
})
