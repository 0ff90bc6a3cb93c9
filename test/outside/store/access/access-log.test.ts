// The access log: every answered record reaches the audit log once, whatever is cut off, killed or refused on the way.

import assert from 'node:assert/strict'
import { pbkdf2 } from 'node:crypto'
import fs, { appendFileSync, copyFileSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { accessMoveRecords } from '../../../../src/outside/store/access/access-frames.ts'
import {
  accessHoldRecords,
  accessLogBytes,
  accessMoveAgainMs,
  accessMoveMs,
  accessUnchainedMsMax,
} from '../../../../src/outside/store/access/bounds.ts'
import { accessFlushMs } from '../../../../src/outside/store/bounds.ts'
import { beginAccessLog, Chain, record, untilNextTurn } from './access-log-site.ts'
import { auditEntry } from '../../../support/store/store-values.ts'

test('records of one turn of the event loop are one frame, and move together', async (t) => {
  const { file, chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  await Promise.all(['a', 'b', 'c'].map((name) => log.append(record(name))))
  assert.ok(statSync(file).size > 0, 'the operating system has them')
  assert.deepEqual(chain.objects, [])
  assert.equal(log.fetchedMs('i', 'a'), 1)
  clock.pass(accessMoveMs)
  await log.settle()
  assert.deepEqual([chain.objects, chain.commits, chain.movedTo], [['a', 'b', 'c'], 1, 1])
  assert.equal(log.fetchedMs('i', 'a'), null, 'the database knows')
  assert.equal(statSync(file).size, 0)
  await log.close()
})

test('what a killed process left is moved at the next start, once', async (t) => {
  const { file, chain, open } = await beginAccessLog(t)
  const first = await open()
  for (const name of ['a', 'b', 'c']) await first.append(record(name))
  // A copy is what a killed process leaves: nobody closed it.
  copyFileSync(file, `${file}.left`)
  await first.close()
  assert.deepEqual(chain.objects, ['a', 'b', 'c'])
  for (const expected of [['a', 'b', 'c'], []]) {
    copyFileSync(`${file}.left`, file)
    const other = new Chain()
    // The second time it was killed after the change and before the file was emptied.
    other.movedTo = expected.length > 0 ? 0 : chain.movedTo
    const again = await open(other)
    assert.deepEqual(other.objects, expected)
    assert.equal(statSync(file).size, 0)
    await again.append(record('d'))
    await again.close()
    assert.deepEqual(other.objects, [...expected, 'd'])
    assert.ok(other.movedTo > chain.movedTo - 1)
  }
})

test('cut at every byte, it gives whole records from the beginning, and no error', async (t) => {
  const { file, open, trouble } = await beginAccessLog(t)
  const log = await open()
  const ends: number[] = []
  for (const name of ['a', 'b', 'c']) {
    await log.append(record(name))
    ends.push(statSync(file).size)
  }
  const whole = readFileSync(file)
  copyFileSync(file, `${file}.left`)
  await log.close()
  for (let length = 0; length <= whole.length; length += 7) {
    copyFileSync(`${file}.left`, file)
    truncateSync(file, length)
    trouble.length = 0
    const chain = new Chain()
    await (await open(chain)).close()
    assert.equal(chain.objects.length, ends.filter((end) => end <= length).length, `cut at ${length}`)
    assert.equal(trouble.length, length === 0 || ends.includes(length) ? 0 : 1)
  }
})

test('a frame that somebody forged or changed does not count, nor what follows it', async (t) => {
  const { file, open, trouble } = await beginAccessLog(t)
  const log = await open()
  for (const name of ['a', 'b']) await log.append(record(name))
  const bytes = readFileSync(file)
  await log.close()
  for (const at of [2, 8, 20, 60, bytes.length - 3]) {
    rmSync(file)
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    appendFileSync(file, changed)
    const chain = new Chain()
    await (await open(chain)).close()
    assert.ok(chain.objects.length < 2, `byte ${at}`)
    assert.ok(!chain.objects.includes('b'), `byte ${at}`)
  }
  assert.match(trouble.join(), /not a complete record/)
})

test('while the audit log takes nothing, records stay; after a minute reads are refused, and go on once it does', async (t) => {
  const { chain, clock, open, trouble } = await beginAccessLog(t)
  const log = await open()
  chain.refuses = new StoreUnavailable('unavailable', 'told to')
  await log.append(record('a'))
  clock.pass(accessMoveMs)
  await assert.rejects(log.settle(), StoreUnavailable)
  assert.match(trouble.join(), /cannot be moved/)
  clock.pass(accessUnchainedMsMax + 1)
  await assert.rejects(log.append(record('b')), /no more keys are handed out/)
  chain.refuses = null
  await log.settle()
  await log.append(record('c'))
  await log.close()
  assert.deepEqual(chain.objects, ['a', 'c'])
})

test('while the audit log does not answer, reads are refused after a minute, too', async (t) => {
  const { chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  const { asked, answered } = chain.hold()
  await log.append(record('a'))
  clock.pass(accessMoveMs)
  await asked.promise
  clock.pass(accessUnchainedMsMax)
  await log.append(record('b'))
  clock.pass(1)
  await assert.rejects(log.append(record('c')), /no more keys are handed out/)
  answered.resolve()
  await log.settle()
  await log.append(record('d'))
  await log.close()
  assert.deepEqual(chain.objects, ['a', 'b', 'd'])
})

test('the end of the log waits for records that a large file held up', async (t) => {
  const { chain, open } = await beginAccessLog(t)
  const log = await open()
  const detail = { text: 'x'.repeat(accessLogBytes) }
  await log.append({ entries: [auditEntry({ object: 'large', detail })], fetched: [] })
  const held = log.append(record('a'))
  await log.settle()
  await held
  assert.deepEqual(chain.objects, ['large', 'a'])
  await log.close()
})

test('a failed move is tried again by itself', async (t) => {
  const { chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  chain.refuses = new StoreUnavailable('busy', 'told to')
  await log.append(record('a'))
  const tried = Promise.withResolvers<void>()
  chain.before = () => tried.resolve()
  clock.pass(accessMoveMs)
  await tried.promise
  await untilNextTurn()
  chain.refuses = null
  clock.pass(accessMoveAgainMs)
  await untilNextTurn()
  assert.deepEqual(chain.objects, ['a'])
  await log.close()
})

test('what a reader of the audit log could not have moved is tried again by itself, too', async (t) => {
  const { chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  await log.append(record('a'))
  chain.refuses = new StoreUnavailable('busy', 'told to')
  await assert.rejects(log.settle(), StoreUnavailable)
  chain.refuses = null
  clock.pass(accessMoveAgainMs)
  await untilNextTurn()
  assert.deepEqual(chain.objects, ['a'])
  await log.close()
})

test('records that arrive while others move are moved after them, and a large file is emptied', async (t) => {
  const { file, chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  const { asked: begun, answered: held } = chain.hold()
  await log.append(record('a'))
  clock.pass(accessMoveMs)
  await begun.promise
  await log.append(record('b'))
  // With a large file, the next record waits for the move.
  const large = {
    ...record('c'),
    entries: [auditEntry({ object: 'c', detail: { text: 'x'.repeat(accessLogBytes) } })],
  }
  await log.append(large)
  let answered = false
  const waiting = log.append(record('d')).then(() => (answered = true))
  await untilNextTurn()
  assert.equal(answered, false)
  held.resolve()
  await log.settle()
  await waiting
  await log.settle()
  assert.deepEqual(chain.objects, ['a', 'b', 'c', 'd'])
  assert.equal(statSync(file).size, 0)
  await log.close()
})

test('the last fetch of an object is the latest of its records', async (t) => {
  const { chain, open } = await beginAccessLog(t)
  const log = await open()
  await Promise.all([log.append(record('a', 5)), log.append(record('a', 9)), log.append(record('a', 7))])
  await log.close()
  assert.deepEqual([...chain.fetched], [['a', 9]])
})

test('a record that must be on the disk waits for the disk; others do not', async (t) => {
  const { chain, open } = await beginAccessLog(t)
  const log = await open()
  const derive = promisify(pbkdf2)
  // More than there are threads, so the sync waits for the first of them.
  const busy = Array.from({ length: 16 }, () => derive('password', 'salt', 20_000, 32, 'sha256'))
  const order: string[] = []
  const onDisk = log.append(record('a'), 'disk').then(() => order.push('on the disk'))
  await log.append(record('b')).then(() => order.push('with the system'))
  await Promise.race(busy).then(() => order.push('a thread is free'))
  await Promise.all([onDisk, ...busy])
  assert.deepEqual(order, ['with the system', 'a thread is free', 'on the disk'])
  await log.close()
  assert.deepEqual(chain.objects, ['a', 'b'])
})

test('what was promised to be on the disk leaves the file only once the database has it there', async (t) => {
  const { file, chain, open } = await beginAccessLog(t)
  const log = await open()
  await log.append(record('a'))
  await log.settle()
  await log.append(record('b'), 'disk')
  await log.settle()
  assert.deepEqual(chain.durabilities, ['disk', 'disk'])
  chain.full = true
  await log.append(record('c'), 'disk')
  await assert.rejects(log.settle(), StoreUnavailable)
  assert.ok(statSync(file).size > 0, 'it stays in the file')
  await log.close()
  // Whether somebody was promised so is not known any more, and a full disk must not keep the server from starting.
  await (await open()).close()
  assert.deepEqual(chain.durabilities, ['disk', 'disk', 'process'])
  assert.deepEqual(chain.objects, ['a', 'b', 'c'])
})

test('many records move in parts, of which the last takes all to the disk; on a full disk it is not waited for', async (t) => {
  const { chain, open } = await beginAccessLog(t)
  const log = await open()
  const names = Array.from({ length: 2 * accessMoveRecords + 1 }, (_, index) => `${index}`)
  const half = accessMoveRecords / 2
  // Each slice is one frame.
  for (let at = 0; at < names.length; at += half)
    await Promise.all(names.slice(at, at + half).map((name) => log.append(record(name))))
  await log.settle()
  assert.deepEqual(chain.objects, names)
  assert.deepEqual(chain.durabilities, ['process', 'process', 'disk'])
  chain.full = true
  await log.append(record('later'))
  await log.settle()
  assert.equal(chain.durabilities.at(-1), 'process')
  await log.close()
})

test('a part that was moved is not moved again when a later one fails', async (t) => {
  const { file, chain, open } = await beginAccessLog(t)
  const log = await open()
  const names = Array.from({ length: accessMoveRecords + 1 }, (_, index) => `${index}`)
  await Promise.all(names.slice(1).map((name) => log.append(record(name))))
  await log.append(record('last'))
  chain.before = () => {
    if (chain.commits === 1) chain.refuses = new StoreUnavailable('busy', 'told to')
  }
  await assert.rejects(log.settle(), StoreUnavailable)
  assert.ok(statSync(file).size > 0)
  assert.equal(log.fetchedMs('i', 'last'), 1)
  chain.before = () => undefined
  chain.refuses = null
  await log.settle()
  assert.deepEqual(chain.objects, [...names.slice(1), 'last'])
  assert.equal(statSync(file).size, 0)
  await log.close()
})

test('what was moved is not moved again when the answer to that was lost', async (t) => {
  const { chain, open } = await beginAccessLog(t)
  const log = await open()
  await log.append(record('a'))
  chain.after = () => {
    throw new StoreUnavailable('unavailable', 'it may have been done or not')
  }
  await assert.rejects(log.settle(), StoreUnavailable)
  chain.after = () => undefined
  await log.append(record('b'))
  await log.settle()
  assert.deepEqual([chain.objects, chain.movedTo], [['a', 'b'], 2])
  await log.close()
})

test('a large file takes records on while many are left to move, and is emptied when few are', async (t) => {
  const { file, chain, open } = await beginAccessLog(t)
  const log = await open()
  const large = {
    entries: [auditEntry({ object: 'large', detail: { text: 'x'.repeat(accessLogBytes) } })],
    fetched: [],
  }
  await Promise.all(
    [large, ...Array.from({ length: accessHoldRecords }, () => record('a'))].map((one) => log.append(one)),
  )
  const before = statSync(file).size
  await log.append(record('b'))
  assert.ok(statSync(file).size > before, 'nobody waits')
  assert.equal(chain.commits, 0)
  await log.settle()
  assert.equal(statSync(file).size, 0)
  await log.close()
})

test('a record is on the disk within the time that is promised, though nobody waits for that', async (t) => {
  const { file, clock, open } = await beginAccessLog(t)
  const log = await open()
  await log.append(record('a'))
  const synced = t.mock.method(fs, 'fdatasync')
  syncBuiltinESMExports()
  t.after(() => {
    synced.mock.restore()
    syncBuiltinESMExports()
  })
  clock.pass(accessFlushMs / 2)
  assert.equal(synced.mock.callCount(), 1)
  assert.ok(statSync(file).size > 0, 'it waits to be moved')
  await log.close()
})

function failing(_file: number, done: (error: Error) => void): void {
  done(new Error('EIO'))
}

test('once the disk fails to take the file, the database takes the records in the time that is promised', async (t) => {
  const { chain, clock, trouble, open } = await beginAccessLog(t)
  const log = await open()
  await log.append(record('a'))
  const failed = t.mock.method(fs, 'fdatasync', failing as typeof fs.fdatasync)
  syncBuiltinESMExports()
  t.after(() => {
    failed.mock.restore()
    syncBuiltinESMExports()
  })
  clock.pass(accessFlushMs / 2)
  await untilNextTurn()
  assert.match(trouble.join(), /the disk did not take .*EIO/)
  await log.settle()
  assert.deepEqual(chain.objects, ['a'])
  await log.append(record('b'))
  const moved = Promise.withResolvers<void>()
  chain.before = moved.resolve
  clock.pass(accessFlushMs / 2)
  await moved.promise
  await log.settle()
  assert.deepEqual(
    [chain.objects, chain.durabilities],
    [
      ['a', 'b'],
      ['disk', 'disk'],
    ],
  )
  await assert.rejects(log.append(record('c'), 'disk'), /the disk did not take/)
  await log.close()
})

test('a large file that cannot be emptied holds no record up, and is emptied once it can be', async (t) => {
  const { file, chain, trouble, open } = await beginAccessLog(t)
  const log = await open()
  const detail = { text: 'x'.repeat(accessLogBytes) }
  await log.append({ entries: [auditEntry({ object: 'large', detail })], fetched: [] })
  const failed = t.mock.method(fs, 'ftruncateSync', () => {
    throw new Error('ENOSPC')
  })
  syncBuiltinESMExports()
  t.after(() => {
    failed.mock.restore()
    syncBuiltinESMExports()
  })
  await log.settle()
  await log.append(record('a'))
  await log.settle()
  assert.deepEqual(chain.objects, ['large', 'a'])
  assert.match(trouble.join(), /^the access log .* cannot be emptied, and grows \(Error: ENOSPC\)$/)
  failed.mock.restore()
  syncBuiltinESMExports()
  await log.append(record('b'))
  await log.settle()
  assert.deepEqual([chain.objects, statSync(file).size], [['large', 'a', 'b'], 0])
  await log.close()
})

/** Until it is called, the disk lets no file be made shorter. */
function holdLengths(t: TestContext): () => void {
  const held = t.mock.method(fs, 'ftruncateSync', () => {
    throw new Error('EIO')
  })
  const letGo = () => {
    held.mock.restore()
    syncBuiltinESMExports()
  }
  t.after(letGo)
  syncBuiltinESMExports()
  return letGo
}

test('no record is written behind a torn one that cannot be cut off', async (t) => {
  const { file, chain, open } = await beginAccessLog(t)
  const log = await open()
  await log.append(record('a'))
  const letGo = holdLengths(t)
  const { writeSync } = fs
  const torn = t.mock.method(fs, 'writeSync', ((to: number, bytes: Buffer) => {
    if (torn.mock.callCount() > 0) throw new Error('EIO')
    return writeSync(to, bytes, 0, 20)
  }) as typeof writeSync)
  syncBuiltinESMExports()
  await log.append(record('b'))
  torn.mock.restore()
  syncBuiltinESMExports()
  await log.append(record('c'))
  assert.deepEqual(chain.objects, ['b', 'c'], 'the database took them')
  letGo()
  await log.append(record('d'))
  copyFileSync(file, `${file}.left`)
  await log.close()
  copyFileSync(`${file}.left`, file)
  const next = new Chain()
  await (await open(next)).close()
  assert.deepEqual(next.objects, ['a', 'd'])
})

test('no record is written behind what a process before left torn, if that cannot be cut off', async (t) => {
  const { file, chain, open } = await beginAccessLog(t)
  appendFileSync(file, 'no whole record')
  const letGo = holdLengths(t)
  const log = await open()
  await log.append(record('a'))
  assert.deepEqual(chain.objects, ['a'], 'the database took it')
  letGo()
  await log.append(record('b'))
  copyFileSync(file, `${file}.left`)
  await log.close()
  copyFileSync(`${file}.left`, file)
  const next = new Chain()
  await (await open(next)).close()
  assert.deepEqual(next.objects, ['b'])
})
