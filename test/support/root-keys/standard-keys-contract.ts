// What standard keys must do, whatever keeps them: the contract of StandardKeys and RootKeyVersions in src/core/ports/,
// as tests.

import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { RootKey, StandardKeyEntry, StandardKeys } from '../../../src/core/ports/root-key.ts'
import { reaches } from './rootkey-contract.ts'

export interface StandardKeysSubject {
  /** The same root key each time, opened again. */
  open(): Promise<RootKey>
  /** As the owner does it. Left out where a test may not. */
  readonly rotate?: () => Promise<void>
  /** Makes the service unreachable until the returned function is called. Left out likewise. */
  readonly takeAway?: () => Promise<() => Promise<void>>
}

export function standardKeysContract(kind: string, subject: StandardKeysSubject): void {
  const openBoth = async () => {
    const rootKey = await subject.open()
    assert.ok(rootKey.standardKeys && rootKey.versions)
    return { rootKey, standardKeys: rootKey.standardKeys, versions: rootKey.versions }
  }
  /** Removes what it made. */
  const withKeys = async (work: (standardKeys: StandardKeys, made: string[]) => Promise<void>) => {
    const { standardKeys } = await openBoth()
    const made: string[] = []
    try {
      await work(standardKeys, made)
    } finally {
      for (const id of made) await standardKeys.remove(id)
    }
  }

  test(`${kind}: what was made is read, also after the root key was opened again`, () =>
    withKeys(async (standardKeys, made) => {
      for (const length of [1, 255, standardKeys.payloadBytesMax]) {
        const payload = randomBytes(length)
        const id = await standardKeys.create(describe(uniqueName(), payload))
        made.push(id)
        assert.deepEqual(Buffer.from(await (await openBoth()).standardKeys.read(id)), payload)
      }
    }))

  test(`${kind}: what does not fit is refused, and nothing is made`, () =>
    withKeys(async (standardKeys) => {
      const name = uniqueName()
      const wrong = [
        describe(name, Buffer.alloc(0)),
        describe(name, randomBytes(standardKeys.payloadBytesMax + 1)),
        { ...describe(name), description: 'x' },
        { ...describe(name), description: 'x'.repeat(241) },
        describe('with blank'),
        describe('x'),
        describe('x'.repeat(91)),
      ]
      for (const key of wrong) await assert.rejects(standardKeys.create(key), reaches('wrapped-form'))
      assert.deepEqual(await standardKeys.find(name), [])
    }))

  test(`${kind}: found by exactly this name, deleted ones only if asked for`, () =>
    withKeys(async (standardKeys, made) => {
      const name = uniqueName()
      const first = await standardKeys.create(describe(name))
      const second = await standardKeys.create(describe(name))
      made.push(first, second)
      for (const neighbour of [`${name}1`, name.slice(0, -1), name.toUpperCase(), `x${name}`])
        made.push(await standardKeys.create(describe(neighbour)))
      await standardKeys.remove(first)
      const found = await standardKeys.find(name)
      assert.deepEqual(byId(found), byId([shown(second, name, false)]))
      const all = await standardKeys.find(name, { deleted: true })
      assert.deepEqual(byId(all), byId([shown(first, name, true), shown(second, name, false)]))
      const age = Date.now() - (found[0]?.createdMs ?? 0)
      assert.ok(Math.abs(age) < 3_600_000, `${age} ms old`)
      assert.deepEqual(await standardKeys.find(uniqueName()), [])
    }))

  test(`${kind}: listed by the beginning of the name, each once, deleted ones too`, () =>
    withKeys(async (standardKeys, made) => {
      const prefix = uniqueName()
      const names = ['-1', '-2', '-3'].map((end) => prefix + end)
      for (const name of names) made.push(await standardKeys.create(describe(name)))
      made.push(await standardKeys.create(describe(`x${prefix}`)))
      await standardKeys.remove(made[1] ?? '')
      const wanted = names.map((name, at) => shown(made[at] ?? '', name, at === 1))
      for (const deleted of [true, false]) {
        const listed: StandardKeyEntry[] = []
        for await (const page of standardKeys.list(prefix, { deleted })) listed.push(...page)
        assert.deepEqual(byId(listed), byId(wanted.filter((key) => deleted || !key.deleted)))
      }
    }))

  test(`${kind}: what was removed is a no about it alone; removing it again, or what never was, is fine`, () =>
    withKeys(async (standardKeys, made) => {
      const [id, other] = [
        await standardKeys.create(describe(uniqueName())),
        await standardKeys.create(describe(uniqueName())),
      ]
      made.push(other)
      await standardKeys.remove(id)
      await standardKeys.remove(id)
      await standardKeys.remove(randomUUID())
      await assert.rejects(standardKeys.read(id), reaches('wrapped-form'))
      await assert.rejects(standardKeys.read(randomUUID()), reaches('wrapped-form'))
      await standardKeys.read(other)
    }))

  test(`${kind}: a correlationIds gets an id for each call, failed ones included`, () =>
    withKeys(async (standardKeys, made) => {
      const { rootKey, versions } = await openBoth()
      const place = Buffer.from('place')
      const correlationIds = new Set<string>()
      const wrapped = await rootKey.wrap(randomBytes(32), place, correlationIds)
      const id = await standardKeys.create(describe(uniqueName()), correlationIds)
      made.push(id)
      await standardKeys.read(id, correlationIds)
      await rootKey.unwrap(wrapped, place, correlationIds)
      await versions.rewrap(wrapped, place, correlationIds)
      await standardKeys.find(uniqueName(), { correlationIds })
      await standardKeys.remove(id, correlationIds)
      await assert.rejects(standardKeys.read(id, correlationIds))
      assert.equal(correlationIds.size, 8)
    }))

  test(`${kind}: many at once do not disturb each other`, () =>
    withKeys(async (standardKeys, made) => {
      const payloads = Array.from({ length: 20 }, () => randomBytes(64))
      const ids = await Promise.all(
        payloads.map((payload) => standardKeys.create(describe(uniqueName(), payload))),
      )
      made.push(...ids)
      const read = await Promise.all(ids.map((id) => standardKeys.read(id)))
      assert.deepEqual(
        read.map((bytes) => Buffer.from(bytes)),
        payloads,
      )
    }))

  test(`${kind}: a rewrapped form opens, in its place alone, and is of the newest version`, async () => {
    const { rootKey, versions } = await openBoth()
    const place = Buffer.from('place')
    const secret = randomBytes(32)
    const old = await rootKey.wrap(secret, place)
    const before = await versions.newest()
    assert.equal(versions.of(old), before)
    assert.equal(versions.of(Buffer.alloc(40)), '')
    const same = await versions.rewrap(old, place)
    assert.equal(versions.of(same), before)
    assert.deepEqual(Buffer.from(await rootKey.unwrap(same, place)), secret)
    await assert.rejects(versions.rewrap(old, Buffer.from('elsewhere')), reaches('wrapped-form'))
    if (!subject.rotate) return
    await subject.rotate()
    const now = await versions.newest()
    assert.notEqual(now, before)
    assert.equal(versions.of(old), before)
    const rewrapped = await versions.rewrap(old, place)
    assert.equal(versions.of(rewrapped), now)
    assert.equal(versions.of(await rootKey.wrap(secret, place)), now)
    for (const wrapped of [old, rewrapped])
      assert.deepEqual(Buffer.from(await rootKey.unwrap(wrapped, place)), secret)
    await assert.rejects(rootKey.unwrap(rewrapped, Buffer.from('elsewhere')), reaches('wrapped-form'))
  })

  const { takeAway } = subject
  if (takeAway)
    test(`${kind}: out of reach every call says so, and nothing was made`, () =>
      withKeys(async (standardKeys, made) => {
        const { versions, rootKey } = await openBoth()
        const name = uniqueName()
        const id = await standardKeys.create(describe(uniqueName()))
        made.push(id)
        const wrapped = await rootKey.wrap(randomBytes(32), Buffer.of())
        const bringBack = await takeAway()
        try {
          // At the same time, since each asks again for a while.
          await Promise.all(
            [
              standardKeys.create(describe(name)),
              standardKeys.read(id),
              standardKeys.remove(id),
              standardKeys.find(name),
              standardKeys.list(name, { deleted: true })[Symbol.asyncIterator]().next(),
              versions.newest(),
              versions.rewrap(wrapped, Buffer.of()),
            ].map((call: Promise<unknown>) => assert.rejects(call, reaches('unreachable'))),
          )
        } finally {
          await bringBack()
        }
        assert.deepEqual(await standardKeys.find(name), [])
        await standardKeys.read(id)
      }))
}

function describe(name: string, payload: Uint8Array = randomBytes(32)) {
  return { name, description: 'mortise 1 test', payload }
}

export function uniqueName(): string {
  return `mortise-test-${randomBytes(8).toString('hex')}`
}

/** Without the time, which nobody can tell beforehand. */
function shown(id: string, name: string, deleted: boolean): StandardKeyEntry {
  return { id, name, description: 'mortise 1 test', deleted, createdMs: null, ageMs: null }
}

function byId(found: readonly StandardKeyEntry[]): readonly StandardKeyEntry[] {
  return found
    .map((key) => ({ ...key, createdMs: null, ageMs: null }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
