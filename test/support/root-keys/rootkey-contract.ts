// What every root key must do, whatever keeps it: the contract in src/core/ports/, as tests. A root key's own test
// file calls rootKeyContract() and adds what is special to its kind.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { RootKeyError, type RootKey, type RootKeyReach } from '../../../src/core/ports/root-key.ts'
import { rootKeyPlaintextBytesMax } from '../../../src/base/bounds.ts'

export interface RootKeySubject {
  /** The same root key each time, opened again. */
  open(): Promise<RootKey>
  /** Another root key of the same kind. */
  openOther(): Promise<RootKey>
  /** Makes the key unreachable until the returned function is called. Left out where that cannot be done. */
  readonly takeAway?: () => Promise<() => Promise<void>>
  /** Puts another key where this one was, until the returned function is called. Left out likewise. */
  readonly swap?: () => Promise<() => Promise<void>>
  /** Calls for the property tests; fewer where each costs a round trip. */
  readonly runs: number
}

export function rootKeyContract(kind: string, subject: RootKeySubject): void {
  const place = Buffer.from('instance a, data key 1')

  test(`${kind}: opens what it sealed, also after it was opened again`, async () => {
    const secret = randomBytes(32)
    const wrapped = await (await subject.open()).wrap(secret, place)
    assert.deepEqual(Buffer.from(await (await subject.open()).unwrap(wrapped, place)), secret)
  })

  test(`${kind}: seals 1 byte to 3 KiB, and nothing else`, async () => {
    const key = await subject.open()
    for (const length of [1, 31, 32, rootKeyPlaintextBytesMax]) {
      const secret = randomBytes(length)
      assert.deepEqual(Buffer.from(await key.unwrap(await key.wrap(secret, place), place)), secret)
    }
    for (const length of [0, rootKeyPlaintextBytesMax + 1])
      await assert.rejects(key.wrap(randomBytes(length), place), reaches('wrapped-form'))
  })

  test(`${kind}: seals the same secret differently each time, and does not show it`, async () => {
    const key = await subject.open()
    const secret = randomBytes(32)
    const [a, b] = [await key.wrap(secret, place), await key.wrap(secret, place)]
    assert.notDeepEqual(a, b)
    assert.equal(Buffer.from(a).includes(secret), false)
  })

  test(`${kind}: what it sealed for one place does not open in another`, async () => {
    const key = await subject.open()
    const wrapped = await key.wrap(randomBytes(32), place)
    for (const other of ['instance a, data key 2', 'instance a, data key', ''])
      await assert.rejects(key.unwrap(wrapped, Buffer.from(other)), altered)
  })

  test(`${kind}: a change of any byte, a byte less and a byte more are refused`, async () => {
    const key = await subject.open()
    const wrapped = await key.wrap(randomBytes(32), place)
    const step = Math.ceil(wrapped.length / subject.runs)
    for (let at = 0; at < wrapped.length; at += step) {
      const changed = Buffer.from(wrapped)
      changed[at] = (changed[at] ?? 0) ^ 1
      await assert.rejects(key.unwrap(changed, place), altered, `byte ${at}`)
    }
    await assert.rejects(key.unwrap(wrapped.subarray(0, -1), place), altered)
    await assert.rejects(key.unwrap(Buffer.concat([wrapped, Buffer.of(0)]), place), altered)
  })

  test(`${kind}: from any bytes only a RootKeyError comes`, async () => {
    const key = await subject.open()
    const anything = fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (bytes) => {
      await assert.rejects(key.unwrap(bytes, place), altered)
    })
    await fc.assert(anything, { numRuns: subject.runs })
  })

  test(`${kind}: has a URI and an id that name it and no other`, async () => {
    const [key, again, other] = [await subject.open(), await subject.open(), await subject.openOther()]
    assert.equal(key.id, again.id)
    assert.equal(key.uri, again.uri)
    assert.notEqual(key.id, other.id)
    assert.ok(key.id.length > 0 && key.uri.includes(':'))
  })

  test(`${kind}: another root key does not open what it sealed`, async () => {
    const wrapped = await (await subject.open()).wrap(randomBytes(32), place)
    await assert.rejects((await subject.openOther()).unwrap(wrapped, place), reaches('wrapped-form'))
  })

  test(`${kind}: many calls at once do not disturb each other`, async () => {
    const key = await subject.open()
    const secrets = Array.from({ length: Math.min(subject.runs, 50) }, () => randomBytes(32))
    const opened = await Promise.all(
      secrets.map(async (secret, index) => {
        const mine = Buffer.from(`data key ${index}`)
        return key.unwrap(await key.wrap(secret, mine), mine)
      }),
    )
    assert.deepEqual(
      opened.map((bytes) => Buffer.from(bytes)),
      secrets,
    )
  })

  test(`${kind}: wiping what was handed in or out changes nothing`, async () => {
    const key = await subject.open()
    const secret = randomBytes(32)
    const kept = Buffer.from(secret)
    const wrapped = await key.wrap(secret, place)
    secret.fill(0)
    const first = await key.unwrap(wrapped, place)
    first.fill(0)
    assert.deepEqual(Buffer.from(await key.unwrap(wrapped, place)), kept)
  })

  const { takeAway, swap } = subject
  if (takeAway)
    test(`${kind}: while it is out of reach both calls say so, and it comes back`, async () => {
      const key = await subject.open()
      const wrapped = await key.wrap(randomBytes(32), place)
      const bringBack = await takeAway()
      try {
        await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable'))
        await assert.rejects(key.wrap(randomBytes(32), place), reaches('unreachable'))
      } finally {
        await bringBack()
      }
      await key.unwrap(wrapped, place)
    })

  if (swap)
    test(`${kind}: with another key in its place both calls are a no about the root key`, async () => {
      const key = await subject.open()
      const wrapped = await key.wrap(randomBytes(32), place)
      const bringBack = await swap()
      try {
        await assert.rejects(key.unwrap(wrapped, place), reaches('root-key'))
        await assert.rejects(key.wrap(randomBytes(32), place), reaches('root-key'))
      } finally {
        await bringBack()
      }
      await key.unwrap(wrapped, place)
    })
}

/** For assert.rejects: a no about what was given, because it is not what this root key sealed for that place. */
function altered(error: unknown): true {
  reaches('wrapped-form')(error)
  assert.equal((error as RootKeyError).altered, true, String(error))
  return true
}

/** For assert.rejects: a RootKeyError of that reach, whose message matches. */
export function reaches(reach: RootKeyReach, message = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof RootKeyError, `not a RootKeyError: ${String(error)}`)
    assert.equal(error.reach, reach, error.message)
    assert.match(error.message, message)
    return true
  }
}
