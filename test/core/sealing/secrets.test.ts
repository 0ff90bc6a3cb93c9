// The server's own secrets: made once, in an empty store, all or none; opened by the root key that sealed them and by
// no other (design: section 5).

import assert from 'node:assert/strict'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { EnvelopeError, takeKey } from '../../../src/core/sealing/envelope.ts'
import { macKeysMax } from '../../../src/core/sealing/secrets.ts'
import type { SecretRecord } from '../../../src/core/ports/secrets.ts'
import { StoreConflict, StoreUnavailable } from '../../../src/core/ports/store.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import {
  openMacKey,
  rootKeyUriOf,
  Secrets,
  systemKeyIdOf,
  unwrapSystemKey,
  WrongRootKey,
  wrapSystemKey,
} from '../../../src/core/sealing/secrets.ts'
import { openRootKey } from '../../../src/outside/rootkey/open.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { storeFolder } from '../../support/store/store-place.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { trustRow, change, auditEntry } from '../../support/store/store-values.ts'
import { edit, look } from '../../support/server/core.ts'

async function openPlace(t: TestContext) {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const open = async () => {
    const store = await openSqliteStore({ file, clock: systemClock, reserveBytes: 0 })
    t.after(() => store.close())
    return store
  }
  return { file, open, store: await open() }
}

/** Makes it where there is none. */
function rootKeyFile(dataFolder: string) {
  return openRootKey('file:root.key', { dataFolder, create: true })
}

/** The associated data of the system data key. */
const aad = Buffer.from('mortise system data key 1')

function trouble(): never {
  throw new StoreUnavailable('unavailable', 'the process is killed here')
}

async function makePair(text: string) {
  return { key: Buffer.from(text), certificate: Buffer.from(`${text} too`) }
}

function makeNone(): Promise<never> {
  return Promise.reject(new Error('there is no need to make them'))
}

test('secrets are there after a stop and a start, and the MAC key is the same', async (t) => {
  const { open, store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const secrets = await Secrets.open(store, rootKey)
  assert.equal(secrets.bare, true, 'it has what every store gets first, and no more')
  await secrets.put('ca-key', Buffer.from('secret'))
  assert.equal(secrets.bare, false)
  const mac = secrets.mac(['a', 'b'])
  const derived = [secrets.accessKey(), secrets.anchorKey()]
  assert.ok(derived[0] && derived[1] && !derived[0].equals(derived[1]))
  await store.close()
  const again = await Secrets.open(await open(), rootKey)
  assert.equal(again.get('ca-key')?.toString(), 'secret')
  assert.equal(again.get('unknown'), undefined)
  assert.deepEqual(again.mac(['a', 'b']), mac)
  assert.ok(again.macMatches(['a', 'b'], mac))
  for (const [n, key] of [again.accessKey(), again.anchorKey()].entries()) assert.ok(derived[n]?.equals(key))
})

test('fields of a MAC cannot be shifted into one another', async (t) => {
  const { store } = await openPlace(t)
  const secrets = await Secrets.open(store, new FaultyRootKey())
  const mac = secrets.mac(['ab', 'c'])
  for (const fields of [['a', 'bc'], ['abc'], ['ab', 'c', ''], ['ab:c'], ['', 'abc'], ['ab1:c']])
    assert.ok(!secrets.macMatches(fields, mac), JSON.stringify(fields))
  assert.ok(!secrets.macMatches(['ab', 'c'], mac.subarray(1)))
})

test('another root key is refused, and the message says which one to bring', async (t) => {
  const { open, store } = await openPlace(t)
  const rootKey = new FaultyRootKey('test:mine')
  await Secrets.open(store, rootKey)
  const rows = await store.secrets()
  const other = new FaultyRootKey('test:other')
  await assert.rejects(Secrets.open(store, other), (error: unknown) => {
    assert.ok(error instanceof WrongRootKey)
    for (const said of [rootKey.uri, rootKey.id, other.uri, other.id]) assert.ok(error.message.includes(said))
    return true
  })
  assert.deepEqual(await store.secrets(), rows, 'nothing was changed')
  await store.close()
  await Secrets.open(await open(), rootKey)
})

test('a root key file that was swapped is refused, and the right one opens again', async (t) => {
  const { store } = await openPlace(t)
  const [mine, other] = [await storeFolder(t), await storeFolder(t)]
  await Secrets.open(store, await rootKeyFile(mine))
  await assert.rejects(Secrets.open(store, await rootKeyFile(other)), WrongRootKey)
  await Secrets.open(store, await rootKeyFile(mine))
})

test('a root key out of reach is a RootKeyError, and leaves nothing behind', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  rootKey.fault = 'unreachable'
  await assert.rejects(Secrets.open(store, rootKey), RootKeyError)
  assert.deepEqual(await store.secrets(), [])
  rootKey.fault = null
  await Secrets.open(store, rootKey)
  rootKey.fault = 'root-key'
  await assert.rejects(Secrets.open(store, rootKey), RootKeyError)
})

test('after its root key was rotated the system data key is wrapped by the newest version, or stays as it was', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const secrets = await Secrets.open(store, rootKey)
  await secrets.put('ca-key', Buffer.from('secret'))
  const version = async () => {
    const record = (await store.secrets()).find(({ name }) => name === 'system-data-key')
    const { wrapped } = JSON.parse(Buffer.from(record?.sealed ?? []).toString('utf8')) as {
      readonly wrapped: string
    }
    return rootKey.versions.of(Buffer.from(wrapped, 'base64'))
  }
  const before = await version()
  const opens = async () =>
    assert.equal((await Secrets.open(store, rootKey)).get('ca-key')?.toString(), 'secret')
  await opens()
  assert.equal(rootKey.rewraps, 0)

  rootKey.rotate()
  const wrongly = t.mock.method(rootKey.versions, 'rewrap', () => rootKey.wrap(Buffer.alloc(32), aad))
  await opens()
  assert.equal(await version(), before, 'what opens as something else is not taken')
  wrongly.mock.mockImplementation(() => Promise.reject(new RootKeyError('unreachable', 'gone')))
  await opens()
  assert.equal(await version(), before)
  wrongly.mock.restore()

  await opens()
  assert.notEqual(await version(), before)
  assert.equal(await version(), await rootKey.versions.newest())
  await opens()
  assert.equal(rootKey.rewraps, 1)
})

test('making them is one commit: refused or unanswered, it can be tried again', async (t) => {
  const { store } = await openPlace(t)
  const around = new StoreAround(store)
  const rootKey = new FaultyRootKey()
  around.before = trouble
  await assert.rejects(Secrets.open(around, rootKey), StoreUnavailable)
  assert.deepEqual(await store.secrets(), [], 'none of them')
  around.before = () => undefined
  around.after = trouble
  await assert.rejects(Secrets.open(around, rootKey), StoreUnavailable)
  const names = (await store.secrets()).map(({ name }) => name)
  assert.deepEqual(names.toSorted(), ['mac-key', 'system-data-key'], 'all of them')
  assert.equal(around.commits, 2)
  const mac = (await Secrets.open(store, rootKey)).mac(['a'])
  assert.deepEqual((await Secrets.open(store, rootKey)).mac(['a']), mac)
})

test('two that open an empty store at once have the same secrets', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const release = rootKey.hold()
  const opening = [Secrets.open(store, rootKey), Secrets.open(store, rootKey), Secrets.open(store, rootKey)]
  release()
  const [first, ...others] = await Promise.all(opening)
  for (const other of others) assert.deepEqual(other.mac(['a']), first?.mac(['a']))
})

test('two that make the same secret at once have the first one’s', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const nodes = [await Secrets.open(store, rootKey), await Secrets.open(store, rootKey)]
  const kept = await Promise.all(
    nodes.map((secrets, index) => secrets.ensure(['key', 'certificate'], () => makePair(`node ${index}`))),
  )
  assert.deepEqual(kept[0], kept[1])
  assert.deepEqual(
    String(kept[0]?.['certificate']),
    `${String(kept[0]?.['key'])} too`,
    'they belong together',
  )
  const later = await Secrets.open(store, rootKey)
  assert.deepEqual(await later.ensure(['key', 'certificate'], makeNone), kept[0])
})

test('the sealed system data key, altered at any byte, opens nothing', async (t) => {
  const { file, store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  await Secrets.open(store, rootKey)
  const row = (await store.secrets()).find(({ name }) => name === 'system-data-key')
  const genuine = JSON.parse(Buffer.from(row?.sealed ?? []).toString()) as Record<string, string>
  const put = (record: unknown) =>
    edit(
      file,
      `UPDATE secrets SET sealed = ? WHERE name = 'system-data-key'`,
      Buffer.from(JSON.stringify(record)),
    )
  const wrapped = Buffer.from(genuine['wrapped'] ?? '', 'base64')
  for (let at = 0; at < wrapped.length; at += 7) {
    const altered = Buffer.from(wrapped)
    altered[at] = (altered[at] ?? 0) ^ 1
    put({ ...genuine, wrapped: altered.toString('base64') })
    await assert.rejects(Secrets.open(store, rootKey), RootKeyError, `byte ${at}`)
  }
  put({ ...genuine, rootKeyId: 'another' })
  await assert.rejects(Secrets.open(store, rootKey), WrongRootKey)
  put({ ...genuine, dataKeyId: 'another' })
  await assert.rejects(Secrets.open(store, rootKey), EnvelopeError)
  edit(file, `UPDATE secrets SET sealed = x'00' WHERE name = 'system-data-key'`)
  await assert.rejects(Secrets.open(store, rootKey), WrongRootKey)
  put(genuine)
  await Secrets.open(store, rootKey)
})

test('a secret in the place of another, or altered, does not open', async (t) => {
  const { file, store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const secrets = await Secrets.open(store, rootKey)
  await secrets.put('ca-key', Buffer.from('the CA'))
  await secrets.put('tls-key', Buffer.from('TLS'))
  edit(
    file,
    `UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'tls-key') WHERE name = 'ca-key'`,
  )
  const swapped = await Secrets.open(store, rootKey)
  assert.throws(() => swapped.get('ca-key'), EnvelopeError)
  assert.equal(swapped.get('tls-key')?.toString(), 'TLS')
  edit(
    file,
    `UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'tls-key') WHERE name = 'mac-key'`,
  )
  await assert.rejects(Secrets.open(store, rootKey), EnvelopeError)
})

test('first-start secrets are made in an empty store only', async (t) => {
  const { file, store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  await Secrets.open(store, rootKey)
  edit(file, `DELETE FROM secrets WHERE name = 'mac-key'`)
  await assert.rejects(Secrets.open(store, rootKey), WrongRootKey)
  edit(file, `DELETE FROM secrets`)
  await store.commit(change([trustRow('1')]))
  await assert.rejects(Secrets.open(store, rootKey), WrongRootKey)
  assert.deepEqual(look(file, `SELECT name FROM secrets`), [])
})

test('a store whose secrets and trust were emptied by hand is not taken for a new one', async (t) => {
  const { file, store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  await Secrets.open(store, rootKey)
  await store.commit(change([trustRow('1')], { entries: [auditEntry()] }))
  edit(file, `DELETE FROM secrets`)
  edit(file, `DELETE FROM trust`)
  edit(file, `UPDATE meta SET value = 0 WHERE key = 'trust_version'`)
  await assert.rejects(Secrets.open(store, rootKey), WrongRootKey)
})

test('a secret that is removed is gone for good, unless the store has changed meanwhile', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const secrets = await Secrets.open(store, rootKey)
  const other = await Secrets.open(store, rootKey)
  const names = async () => (await store.secrets()).map(({ name }) => name).toSorted()
  for (const name of ['api-key', 'ca-key', 'tls-key']) await secrets.put(name, Buffer.from(name))
  const version = (await store.trustVersion()) + 1
  await assert.rejects(secrets.remove(['api-key'], { trustVersion: version }), StoreConflict)
  assert.equal(secrets.get('api-key')?.toString(), 'api-key')
  await secrets.remove(['api-key', 'tls-key'])
  assert.deepEqual(await names(), ['ca-key', 'mac-key', 'system-data-key'])
  for (const name of ['api-key', 'tls-key']) assert.equal(secrets.get(name), undefined)
  // What another server has stored or removed since counts.
  assert.equal(other.get('ca-key'), undefined)
  assert.equal((await other.fresh('ca-key'))?.toString(), 'ca-key')
  await secrets.remove(['ca-key'])
  assert.equal(other.get('ca-key')?.toString(), 'ca-key')
  assert.equal(await other.fresh('ca-key'), undefined)
  assert.equal(other.get('ca-key'), undefined)
})

test('a record says which root key seals it; only that of the system data key does', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  await Secrets.open(store, rootKey)
  const uris = new Map((await store.secrets()).map((record) => [record.name, rootKeyUriOf(record)]))
  assert.deepEqual([uris.get('system-data-key'), uris.get('mac-key')], [rootKey.uri, null])
})

test('of a secret nothing is readable in the database', async (t) => {
  const { store } = await openPlace(t)
  const secrets = await Secrets.open(store, new FaultyRootKey())
  await secrets.put('ca-key', Buffer.from('a secret that would be seen'))
  for (const { sealed } of await store.secrets())
    assert.ok(!Buffer.from(sealed).includes('a secret that would be seen'))
})

test('outside of a server the records alone open: the system data key, the MAC key, and under another root key too', async (t) => {
  const { store } = await openPlace(t)
  const [rootKey, another] = [new FaultyRootKey(), new FaultyRootKey()]
  const secrets = await Secrets.open(store, rootKey)
  await secrets.put('other', Buffer.from('x'))
  const records = (await store.secrets()).toSorted((a, b) =>
    a.name === 'other' ? -1 : b.name === 'other' ? 1 : 0,
  )
  const { system, bytes } = await unwrapSystemKey(records, rootKey)
  assert.equal(systemKeyIdOf(records), system.dataKeyId)
  const systemKey = { id: system.dataKeyId, key: takeKey(Buffer.from(bytes)) }
  assert.ok(openMacKey(systemKey, records).macMatches(['a'], secrets.mac(['a'])))
  const moved = await wrapSystemKey(systemKey, another)
  const again = records.map((record) => (record.name === moved.name ? moved : record))
  assert.deepEqual((await unwrapSystemKey(again, another)).bytes, bytes)
  await assert.rejects(unwrapSystemKey(again, rootKey), WrongRootKey)
  const lacking = records.filter(({ name }) => name === 'other')
  assert.equal(systemKeyIdOf(lacking), '')
  await assert.rejects(unwrapSystemKey(lacking, rootKey), WrongRootKey)
  assert.throws(() => openMacKey(systemKey, lacking), WrongRootKey)
})

async function makeA(): Promise<Record<string, Uint8Array>> {
  return { a: Buffer.from('a') }
}

test('secrets that were not all made, or are kept in part, are not stored at all', async (t) => {
  const { store } = await openPlace(t)
  const secrets = await Secrets.open(store, new FaultyRootKey())
  await assert.rejects(secrets.ensure(['a', 'b'], makeA), /secret b was not made/)
  assert.equal(await secrets.fresh('a'), undefined)
  await secrets.put('a', Buffer.from('a'))
  await assert.rejects(
    secrets.ensure(['a', 'b'], async () => ({ a: Buffer.from('another'), b: Buffer.from('b') })),
    /secrets a, b are kept in part only/,
  )
  assert.equal(secrets.get('a')?.toString(), 'a')
  assert.equal(await secrets.fresh('b'), undefined)
})

test('the MAC keys before this one are kept, and count only beside the key that replaced them', async (t) => {
  const { store } = await openPlace(t)
  const rootKey = new FaultyRootKey()
  const open = () => Secrets.open(store, rootKey)
  const put = (records: readonly SecretRecord[]) =>
    store.commit(change(records.map((record) => ({ type: 'secret', record }))))
  const states = [{ anchor: (await open()).anchorKey(), records: await store.secrets() }]
  assert.deepEqual((await open()).replacedMacKeys(), [])
  for (const round of [1, 2, 3]) {
    await put((await open()).newMacKey().records)
    const secrets = await open()
    const replaced = secrets.replacedMacKeys().map((macKey) => macKey.anchorKey())
    const expected = states.map(({ anchor }) => anchor).toReversed()
    assert.equal(replaced.length, round)
    assert.ok(replaced.every((anchor, n) => expected[n] && anchor.equals(expected[n])))
    states.push({ anchor: secrets.anchorKey(), records: await store.secrets() })
  }
  const list = (n: number) => states[n]?.records.filter(({ name }) => name === 'mac-keys') ?? []
  await put(list(2))
  assert.deepEqual((await open()).replacedMacKeys(), [], 'the list of an earlier MAC key')
  const before = (await open()).anchorKey()
  await put((await open()).newMacKey().records)
  const after = (await open()).replacedMacKeys()
  assert.ok(after.length === 1 && after[0]?.anchorKey().equals(before), 'nothing of that list is passed on')
  await put(states[3]?.records ?? [])
  await (await open()).put('mac-keys', Buffer.of())
  assert.deepEqual((await open()).replacedMacKeys(), [], 'an empty list')
  await put(list(3).map(({ name, sealed }) => ({ name, sealed: sealed.toReversed() })))
  assert.deepEqual((await open()).replacedMacKeys(), [], 'an altered list')
  assert.equal((await open()).newMacKey().records.length, 2)
  for (let round = 0; round < macKeysMax + 2; round++) await put((await open()).newMacKey().records)
  assert.equal((await open()).replacedMacKeys().length, macKeysMax - 1)
})

const add = (secrets: Secrets, letter: string) =>
  secrets.change('letters', (now = Buffer.of()) => Buffer.concat([now, Buffer.from(letter)]), [auditEntry()])

test('a secret is changed as it is now, or stays, each change with its entry', async (t) => {
  const { store } = await openPlace(t)
  const around = new StoreAround(store)
  const rootKey = new FaultyRootKey()
  const [one, other] = [await Secrets.open(around, rootKey), await Secrets.open(store, rootKey)]
  assert.equal(await add(one, 'a'), true)
  around.before = async () => {
    around.before = () => undefined
    await add(other, 'b')
  }
  assert.equal(await add(one, 'c'), true)
  assert.equal(await other.change('letters', () => null, [auditEntry()]), false)
  assert.equal(String(await other.fresh('letters')), 'abc')
  assert.equal(String(one.get('letters')), 'abc')
  around.before = () => {
    throw new StoreConflict('lease', 'another node has it')
  }
  await assert.rejects(add(one, 'd'), /another node has it/)
  assert.equal((await store.audit({ order: 'oldest', limit: 10 })).entries.length, 3)
})
