// The only door to keys (design: invariants 1, 3, 4, 6): check, act and entry are one transaction, nothing is lost among
// concurrent changes, and whoever is trusted no more does nothing more.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { FetchedObject } from '../../../src/core/keys/acts/fetch-object.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { StoreConflict, StoreUnavailable, type Change } from '../../../src/core/ports/store.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { first } from '../../../src/wire/kmip/attributes.ts'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import { objectAttributesBytesMax } from '../../../src/base/bounds.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import {
  attributeSet,
  createKey,
  faults,
  look,
  makeInstance,
  manager,
  openCoreWithClient,
  trustClient,
  type TestCore,
  name,
} from '../../support/server/core.ts'

const version = '1.4'

/** Every entry of the log about keys, or of other actions, oldest first. */
async function entries(core: TestCore, actions = 'key.'): Promise<readonly AuditEntry[]> {
  const page = await core.store.audit({ order: 'oldest', limit: 10_000 })
  return page.entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .filter(({ action }) => action.startsWith(actions))
}

const outcomes = async (core: TestCore) =>
  (await entries(core)).map(
    ({ action, result, reason }) => `${action} ${result}${reason ? ` ${reason}` : ''}`,
  )

/** As a handler does: copies what it answers, then the unit is wiped. */
const fetchBytes = (id: string) => async (work: KeyTransaction) => {
  const { material } = await work.fetch(id)
  const copy = Buffer.from(material.bytes)
  work.wipe()
  return copy
}

const revocation = (code: string) => ({ code, message: undefined, compromiseOccurrenceDate: undefined })

const fresh = (id: string) => async (work: KeyTransaction) =>
  first(await work.attributes('key.attributes', id), 'Fresh')

/** A core with a client, and the store around its real one. */
async function openAround(t: TestContext) {
  let around: StoreAround | undefined
  const opened = await openCoreWithClient(t, { wrap: (store) => (around = new StoreAround(store)) })
  assert.ok(around)
  return { ...opened, around }
}

test('a key is the same each time it is fetched, and opened material is wiped', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const bytes = await perform(fetchBytes(id))
  assert.equal(bytes.length, 32)
  assert.deepEqual(await perform(fetchBytes(id)), bytes)
  let kept: FetchedObject | undefined
  await perform(async (work) => {
    kept = await work.fetch(id)
    work.wipe()
  })
  assert.deepEqual(kept?.material.bytes, Buffer.alloc(32))
})

test('a password that the server makes is as long as was asked, and an act that lacks what it needs is refused', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const create = (objectType: 'SecretData' | 'SymmetricKey', attributes: object) =>
    perform((work) => work.create({ objectType, attributes: attributeSet({ ...attributes }) }))
  const bytes = await perform(fetchBytes(await create('SecretData', { CryptographicLength: 128 })))
  assert.equal(bytes.length, 16)
  const { head } = await perform(async (work) => {
    const { material } = await work.fetch(
      await work.create({
        objectType: 'SecretData',
        attributes: attributeSet({ CryptographicLength: 64 }),
      }),
    )
    return material
  })
  assert.deepEqual(head, { keyFormatType: 'Opaque', secretDataType: 'Password' })
  await assert.rejects(create('SecretData', {}), faults('InvalidField', /Cryptographic Length/))
  await assert.rejects(
    create('SymmetricKey', { CryptographicLength: 256 }),
    faults('InvalidField', /Cryptographic Algorithm/),
  )
})

test('each state answers each act as it should, with its reason', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const bytes = await perform(fetchBytes(id))
  await perform((work) => work.activate(id))
  await assert.rejects(
    perform((work) => work.activate(id)),
    faults('WrongKeyLifecycleState'),
  )
  await assert.rejects(
    perform((work) => work.destroy(id)),
    faults('WrongKeyLifecycleState', /revoke it first/),
  )
  await perform((work) => work.revoke(id, revocation('CessationOfOperation')))
  assert.deepEqual(await perform(fetchBytes(id)), bytes, 'a deactivated key still decrypts')
  await perform((work) => work.destroy(id))
  await assert.rejects(perform(fetchBytes(id)), faults('ObjectDestroyed'))
  await assert.rejects(
    perform((work) => work.destroy(id)),
    faults('ObjectDestroyed'),
  )
  await assert.rejects(perform(fetchBytes('no such thing')), faults('ObjectNotFound'))
  const attributes = await perform((work) => work.attributes('key.attributes', id))
  assert.equal(first(attributes, 'State'), 'Destroyed')
  await perform((work) => work.revoke(id, revocation('KeyCompromise')))
  const later = await perform((work) => work.attributes('key.attributes', id))
  assert.equal(first(later, 'State'), 'DestroyedCompromised')
})

test('a key whose attributes are as long as they may be is activated, revoked and destroyed', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey({ Comment: '' }))
  const fits = (bytes: number) => {
    const comment = { key: 'Comment', value: 'x'.repeat(bytes), version } as const
    return perform((work) => work.modifyAttribute(id, comment)).then(
      () => true,
      () => false,
    )
  }
  let [least, most] = [0, objectAttributesBytesMax]
  while (most - least > 1) {
    const middle = (least + most) >> 1
    if (await fits(middle)) least = middle
    else most = middle
  }
  assert.ok(least > 0)
  await perform((work) => work.activate(id))
  await perform((work) => work.revoke(id, revocation('KeyCompromise')))
  await perform((work) => work.destroy(id))
  const attributes = await perform((work) => work.attributes('key.attributes', id))
  assert.deepEqual(
    [first(attributes, 'State'), first(attributes, 'Comment')?.length],
    ['DestroyedCompromised', least],
  )
})

test('states come by the clock, at the second, and Destroy follows them', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const now = BigInt(core.clock.now() / 1000)
  const id = await perform(createKey({ ActivationDate: now + 10n, DeactivationDate: now + 20n }))
  const state = async () => first(await perform((work) => work.attributes('key.attributes', id)), 'State')
  const at = async (ms: number) => {
    core.clock.pass(Number(now) * 1000 + ms - core.clock.now())
    return state()
  }
  assert.equal(await at(9_999), 'PreActive')
  assert.equal(await at(10_000), 'Active')
  await assert.rejects(
    perform((work) => work.destroy(id)),
    faults('WrongKeyLifecycleState'),
  )
  assert.equal(await at(19_999), 'Active')
  assert.equal(await at(20_000), 'Deactivated')
  await perform((work) => work.destroy(id))
})

test('20 attributes and an activation at once: all land, none is lost, no index is given twice', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const added = Array.from({ length: 20 }, (_, index) =>
    perform((work) =>
      work.addAttribute(id, {
        key: 'x-Product',
        value: { type: 'TextString', value: `value ${index}` },
        version,
      }),
    ),
  )
  const [instances] = await Promise.all([Promise.all(added), perform((work) => work.activate(id))])
  const attributes = await perform((work) => work.attributes('key.attributes', id))
  assert.equal(first(attributes, 'State'), 'Active')
  const kept = attributes.get('x-Product') ?? []
  assert.deepEqual(
    kept.map(({ index }) => index),
    [...Array(20).keys()],
  )
  assert.equal(new Set(kept.map(({ value: v }) => JSON.stringify(v))).size, 20)
  assert.deepEqual(
    instances.toSorted((a, b) => a.index - b.index),
    kept,
    'each was told the index that it has',
  )
  assert.equal((await outcomes(core)).filter((o) => o === 'key.attribute.add success').length, 20)
})

test('a crowd on one object: what is answered is there, and what is refused is not', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const work = Array.from({ length: 150 }, (_, index) =>
    perform((work) =>
      work.addAttribute(id, { key: 'x-Crowd', value: { type: 'Integer', value: index }, version }),
    ),
  )
  const settled = await Promise.allSettled(work)
  const kept = (await perform((one) => one.attributes('key.attributes', id))).get('x-Crowd') ?? []
  const answered = settled.filter(({ status }) => status === 'fulfilled')
  assert.equal(kept.length, answered.length)
  assert.equal(answered.length, 150, 'nobody is turned away')
})

test('many first fetches of one key at once are all answered', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const all = await Promise.all(Array.from({ length: 50 }, () => perform(fetchBytes(id))))
  assert.equal(new Set(all.map((bytes) => bytes.toString('hex'))).size, 1)
})

test('a Name is one object’s among the living, and free again after Destroy', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey({ Name: name('vm-1') }))
  await assert.rejects(perform(createKey({ Name: name('vm-1') })), faults('NonUniqueNameAttribute'))
  const other = await perform(createKey())
  const rename = (work: KeyTransaction) =>
    work.addAttribute(other, { key: 'Name', value: name('vm-1'), version })
  await assert.rejects(perform(rename), faults('NonUniqueNameAttribute'))
  assert.deepEqual(
    (await outcomes(core)).filter((o) => o.includes('refused')),
    ['key.create refused NonUniqueNameAttribute', 'key.attribute.add refused NonUniqueNameAttribute'],
  )
  const created = await Promise.allSettled([1, 2, 3, 4].map(() => perform(createKey({ Name: name('vm-2') }))))
  assert.equal(created.filter(({ status }) => status === 'fulfilled').length, 1, 'four at once')
  await perform((work) => work.destroy(id))
  await perform(rename)
  const neighbour = await makeInstance(core, 'neighbour')
  const theirs = await trustClient(core, neighbour, 'theirs')
  await core.keys.perform(theirs.identify, createKey({ Name: name('vm-1') }))
})

test('refusals are entered with who, what, which and why; so are successes', async (t) => {
  const { core, identity, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await perform((work) => work.revoke(id, revocation('KeyCompromise')))
  await assert.rejects(perform(fetchBytes('unknown')))
  await assert.rejects(perform(createKey({ CryptographicLength: 255 })), faults('InvalidField'))
  const all = await entries(core)
  assert.deepEqual(
    all.map(({ action, result, object, reason }) => [action, result, object, reason]),
    [
      ['key.create', 'success', id, null],
      ['key.revoke', 'success', id, null],
      ['key.get', 'refused', 'unknown', 'ObjectNotFound'],
      ['key.create', 'refused', null, 'InvalidField'],
    ],
  )
  assert.deepEqual(all.find(({ action }) => action === 'key.revoke')?.detail, { reason: 'KeyCompromise' })
  for (const { actor, requestId, instanceId } of all) {
    assert.equal(actor.certificateSha256, identity.certificate.sha256)
    assert.equal(actor.name, 'vcenter')
    assert.equal(actor.address, '192.0.2.7')
    assert.equal(requestId, 'request-1')
    assert.ok(instanceId)
  }
})

/** Wraps the key by another, which has the parameters for it. */
const wrapped = (id: string, by: string) => async (work: KeyTransaction) => {
  const { material } = await work.fetch(id, { wrappers: ['the key that wraps'] })
  const EncryptionKeyInformation = { UniqueIdentifier: by, CryptographicParameters: undefined }
  return work.wrap(
    { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: material.bytes } },
    {
      uniqueIdentifier: id,
      specification: {
        WrappingMethod: 'Encrypt',
        EncryptionKeyInformation,
        AttributeName: [],
        EncodingOption: 'NoEncoding',
      },
      attributes: {},
      version,
    },
  )
}

test('an entry says of each act what it was about: how much, which other objects, and how they are called', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const told = async () => {
    const { detail } = (await entries(core, '')).at(-1) ?? assert.fail()
    return Object.fromEntries(Object.entries(detail ?? {}).filter(([field]) => field !== 'correlationIds'))
  }
  const UsageLimits = { UsageLimitsTotal: 9n, UsageLimitsUnit: 'Object' }
  const id = await perform(createKey({ UsageLimits, ActivationDate: 0n }))
  assert.deepEqual(await told(), { objectType: 'SymmetricKey' })
  const replacement = await perform((work) => work.reKey(id, { offset: undefined, attributes: new Map() }))
  assert.deepEqual(await told(), { replacement })
  await perform((work) => work.allocateUsage(id, 2n))
  assert.deepEqual(await told(), { count: '2' })
  await perform((work) => work.addAttribute(id, { key: 'Comment', value: 'text', version }))
  assert.deepEqual(await told(), { attribute: 'Comment' })
  const half = attributeSet({
    CryptographicAlgorithm: 'EC',
    CryptographicLength: 256,
    CryptographicUsageMask: 1,
  })
  const pair = await perform((work) => work.createKeyPair({ privateKey: half, publicKey: half }))
  assert.deepEqual(await told(), { publicKey: pair.publicKey })
  const changes = { privateKey: new Map(), publicKey: new Map() }
  const rekeyed = { uniqueIdentifier: pair.privateKey, offsetSeconds: undefined, changes }
  const { publicKey } = await perform((work) => work.rekeyKeyPair(rekeyed))
  assert.deepEqual(await told(), { replaces: pair.privateKey, publicKey })
  const whole = await perform(createKey())
  const split = {
    uniqueIdentifier: whole,
    parts: 3,
    threshold: 3,
    method: 'XOR',
    primeFieldSize: undefined,
  } as const
  const parts = await perform((work) => work.createSplitKey({ ...split, attributes: new Map() }))
  assert.deepEqual(await told(), { parts: parts.join(' '), threshold: 3 })
  const join = { objectType: 'SymmetricKey', uniqueIdentifiers: parts, secretDataType: undefined } as const
  await perform((work) => work.joinSplitKey({ ...join, attributes: new Map() }))
  assert.deepEqual(await told(), { parts: parts.join(' ') })
  const CryptographicParameters = { BlockCipherMode: 'NISTKeyWrap' }
  const CryptographicUsageMask = maskOf('CryptographicUsageMask', ['WrapKey'])
  const by = await perform(createKey({ CryptographicParameters, CryptographicUsageMask, ActivationDate: 0n }))
  await perform(wrapped(whole, by))
  assert.deepEqual(await told(), { of: whole, bytes: 32 })
  const data = Buffer.from('hashed')
  await perform((work) => work.crypto.hash({ data, parameters: { HashingAlgorithm: 'SHA_256' } }))
  assert.deepEqual(await told(), { bytes: 6 })
  await perform((work) => work.crypto.random(20))
  assert.deepEqual(await told(), { bytes: 20 })
})

test('what a commit refuses is entered too', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const tooMuch = Array.from({ length: 300 }, () => ({ type: 'TextString', value: 'x'.repeat(1000) }))
  await assert.rejects(perform(createKey({ 'x-Large': tooMuch })), faults('ServerLimitExceeded'))
  assert.deepEqual(await outcomes(core), ['key.create refused ServerLimitExceeded'])
})

test('another instance’s object does not exist, for any act', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const neighbour = await makeInstance(core, 'neighbour')
  const theirs = await trustClient(core, neighbour, 'theirs')
  const id = await core.keys.perform(
    theirs.identify,
    createKey({ 'x-Secret': { type: 'Integer', value: 1 } }),
  )
  const acts: ((work: KeyTransaction) => Promise<unknown>)[] = [
    fetchBytes(id),
    (work) => work.attributes('key.attributes', id),
    (work) => work.activate(id),
    (work) => work.revoke(id, revocation('KeyCompromise')),
    (work) => work.destroy(id),
    (work) => work.addAttribute(id, { key: 'x-A', value: { type: 'Integer', value: 1 }, version }),
    (work) => work.deleteAttribute(id, { key: 'x-Secret', version }),
  ]
  const texts = new Set<string>()
  for (const act of acts)
    for (const identifier of [id, 'unknown'])
      await assert.rejects(
        perform((work) => (identifier === id ? act(work) : work.destroy(identifier))),
        (error: unknown) => faults('ObjectNotFound')(error) && texts.add(String(error)) !== undefined,
      )
  assert.equal(texts.size, 1, 'nor does the text tell that it exists elsewhere')
  await core.keys.perform(theirs.identify, fetchBytes(id))
})

test('an act and its entry are one commit: either is there with the other', async (t) => {
  const { around, core, perform } = await openAround(t)
  const id = await perform(createKey())
  const acts: ((work: KeyTransaction) => Promise<unknown>)[] = [
    createKey(),
    fetchBytes(id),
    (work) => work.addAttribute(id, { key: 'x-A', value: { type: 'Integer', value: 1 }, version }),
    (work) => work.activate(id),
    (work) => work.revoke(id, revocation('KeyCompromise')),
    (work) => work.destroy(id),
  ]
  const dump = () => look(core.file, 'SELECT unique_identifier, version, state, material FROM objects')
  for (const [index, act] of acts.entries()) {
    const [objects, before] = [dump(), (await entries(core)).length]
    around.before = () => {
      throw new StoreUnavailable('full', 'no room')
    }
    await assert.rejects(perform(act), faults('GeneralFailure', /disk is full/), `act ${index}`)
    assert.deepEqual(dump(), objects, `act ${index} left nothing`)
    assert.equal((await entries(core)).length, before)
    around.before = (change: Change) => {
      assert.equal(change.entries.length, 1, `act ${index} with its entry`)
    }
    const commits = around.commits
    await perform(act)
    assert.equal(around.commits, commits + 1, `act ${index} in one commit`)
    assert.equal((await entries(core)).length, before + 1)
  }
})

test('trust that is withdrawn between check and commit refuses the act, and it is not done', async (t) => {
  const { around, core, instance, perform } = await openAround(t)
  const id = await perform(createKey())
  const before = look(core.file, 'SELECT version, state FROM objects')
  for (const act of [fetchBytes(id), createKey(), (work: KeyTransaction) => work.destroy(id)]) {
    const { identify } = await trustClient(core, instance, 'short-lived')
    await core.keys.perform(identify, fetchBytes(id))
    const state = look(core.file, 'SELECT version, state FROM objects')
    around.before = async () => {
      around.before = () => undefined
      await core.trust.clients.remove(manager, instance.id, 'short-lived')
    }
    await assert.rejects(core.keys.perform<unknown>(identify, act), faults('AuthenticationNotSuccessful'))
    assert.deepEqual(look(core.file, 'SELECT version, state FROM objects'), state)
  }
  assert.equal(before.length, 1)
})

test('a key that is destroyed between check and commit is not sent, and was not fetched', async (t) => {
  const { around, core, perform } = await openAround(t)
  const id = await perform(createKey())
  around.before = async () => {
    around.before = () => undefined
    await perform((work) => work.destroy(id))
  }
  await assert.rejects(perform(fetchBytes(id)), faults('ObjectDestroyed'))
  assert.deepEqual((await outcomes(core)).slice(1), [
    'key.destroy success',
    'key.get refused ObjectDestroyed',
  ])
  assert.deepEqual(look(core.file, 'SELECT * FROM fetched'), [])
})

test('a change of trust that concerns others does not disturb an act', async (t) => {
  const { around, core, instance, perform } = await openAround(t)
  around.before = async () => {
    around.before = () => undefined
    await trustClient(core, instance, 'another')
  }
  const id = await perform(createKey())
  await perform(fetchBytes(id))
  assert.deepEqual(await outcomes(core), ['key.create success', 'key.get success'])
})

test('work that meets a conflict for ever ends with a refusal, which is entered', async (t) => {
  const { around, core, perform } = await openAround(t)
  around.before = (change) => {
    if (change.writes.length > 0) throw new StoreConflict('object', 'always')
  }
  await assert.rejects(perform(createKey()), faults('GeneralFailure'))
  assert.ok(around.commits < 60)
  assert.deepEqual(await outcomes(core), ['key.create refused GeneralFailure'])
})

test('on a full disk keys are served, also those that never were, and changes are refused', async (t) => {
  const { around, core, perform } = await openAround(t)
  const id = await perform(createKey())
  around.before = ({ durability }) => {
    if (durability === 'disk') throw new StoreUnavailable('full', 'no room')
  }
  assert.equal((await perform(fetchBytes(id))).length, 32)
  await assert.rejects(perform(createKey()), faults('GeneralFailure', /disk is full/))
  assert.deepEqual(await outcomes(core), [
    'key.create success',
    'key.get success',
    'key.create refused GeneralFailure',
  ])
})

test('a key is fresh until it was fetched, also within one unit, and a fetch is no change of it', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const seen = await perform(async (work) => {
    const id = await createKey()(work)
    const before = await fresh(id)(work)
    await fetchBytes(id)(work)
    return { id, fresh: [before, await fresh(id)(work)] }
  })
  assert.deepEqual(seen.fresh, [true, false])
  assert.equal(await perform(fresh(seen.id)), false)
  const id = await perform(createKey())
  assert.equal(await perform(fresh(id)), true)
  await perform(fetchBytes(id))
  assert.equal(await perform(fresh(id)), false)
  await perform((work) => work.activate(id))
  assert.equal(await perform(fresh(id)), false)
  assert.deepEqual(
    look(core.file, 'SELECT version FROM objects WHERE unique_identifier = ?', id).map((row) => ({
      ...row,
    })),
    [{ version: 2 }],
  )
  const other = await perform(createKey())
  await perform(async (work) => {
    await fetchBytes(other)(work)
    await work.activate(other)
  })
  assert.equal(await perform(fresh(other)), false, 'fetched and changed in one unit')
  const { lastFetchedMs } = await perform(async (work) => {
    await work.addAttribute(other, { key: 'Comment', value: 'text', version })
    return work.view(other)
  })
  assert.equal(lastFetchedMs, core.clock.now(), 'a change does not forget it')
})

test('an error that is no answer comes through as it is, and leaves nothing', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const bug = new TypeError('a bug')
  const work = async (one: KeyTransaction) => {
    await one.create({
      objectType: 'SymmetricKey',
      attributes: attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256 }),
    })
    throw bug
  }
  await assert.rejects(perform(work), (error) => error === bug)
  assert.deepEqual(look(core.file, 'SELECT * FROM objects'), [])
})
