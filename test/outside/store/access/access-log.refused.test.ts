// A record that neither the file nor the database takes is refused in time, and the access log finds out by itself when records are
// taken again.

import assert from 'node:assert/strict'
import fs, { copyFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { test, type TestContext } from 'node:test'
import { StoreUnavailable } from '../../../../src/core/ports/store.ts'
import { accessLogBytes, accessLookMs } from '../../../../src/outside/store/access/bounds.ts'
import { accessTakenMsMax } from '../../../../src/outside/store/access/record-waits.ts'
import type { StartAppender } from '../../../../src/outside/store/access/appender.ts'
import { beginAccessLog, Chain, record, untilNextTurn } from './access-log-site.ts'
import { auditEntry } from '../../../support/store/store-values.ts'
import { appenderHere } from '../../../support/store/threads-here.ts'
import { until } from '../../../support/time/until.ts'

/** A disk that takes nothing, and answers nothing, while it hangs. */
function hangingDisk() {
  let going: PromiseWithResolvers<void> | undefined
  const startAppender: StartAppender = (file) => {
    const appender = appenderHere(file)
    return {
      ...appender,
      append: async (bytes) => {
        await going?.promise
        return appender.append(bytes)
      },
    }
  }
  const goOn = () => {
    going?.resolve()
    going = undefined
  }
  return { startAppender, hang: () => void (going = Promise.withResolvers()), goOn }
}

test('what a disk does not take in time is refused, and so is what comes later, until it takes records again', async (t) => {
  const disk = hangingDisk()
  const { chain, clock, trouble, open } = await beginAccessLog(t)
  const log = await open(chain, disk.startAppender)
  disk.hang()
  const first = log.append(record('a'))
  await untilNextTurn()
  const second = log.append(record('b'))
  const refused = [first, second].map((one) => assert.rejects(one, /has taken no record of a read for 5 s/))
  clock.pass(accessTakenMsMax - 1)
  assert.equal(log.refused, null)
  clock.pass(accessLookMs)
  await Promise.all(refused)
  assert.match(log.refused ?? '', /no more keys are handed out/)
  await assert.rejects(log.append(record('c')), /no more keys are handed out/)
  await log.settle()
  assert.match(trouble.join(), /no key is handed out: /)
  disk.goOn()
  await untilNextTurn()
  assert.equal(log.refused, null, 'the record that was under way is taken')
  assert.equal(trouble.at(-1), 'keys are handed out again')
  await log.append(record('d'))
  await log.close()
  assert.deepEqual(chain.objects, ['a', 'd'], 'what waited behind it is not there')
})

test('a record that must be on the disk is refused while syncs hang; others are taken', async (t) => {
  const { chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  const synced = Promise.withResolvers<void>()
  const { fdatasync } = fs
  const hanging = t.mock.method(fs, 'fdatasync', ((file: number, done: fs.NoParamCallback) => {
    void synced.promise.then(() => fdatasync(file, done))
  }) as typeof fdatasync)
  syncBuiltinESMExports()
  t.after(() => {
    hanging.mock.restore()
    syncBuiltinESMExports()
  })
  const onDisk = log.append(record('a'), 'disk')
  const refused = assert.rejects(onDisk, /has taken no record of a read/)
  await log.append(record('b'))
  clock.pass(accessTakenMsMax + accessLookMs)
  await refused
  await assert.rejects(log.append(record('c'), 'disk'), /no more keys are handed out/)
  await log.append(record('d'))
  assert.match(log.refused ?? '', /no more keys are handed out/)
  synced.resolve()
  await until(() => log.refused === null)
  await log.append(record('e'), 'disk')
  await log.close()
  assert.deepEqual(chain.objects, ['a', 'b', 'd', 'e'])
})

/** Until it is called, no file takes a byte. */
function failWrites(t: TestContext): () => void {
  const failed = t.mock.method(fs, 'writeSync', () => {
    throw new Error('ENOSPC')
  })
  const letGo = () => {
    failed.mock.restore()
    syncBuiltinESMExports()
  }
  t.after(letGo)
  syncBuiltinESMExports()
  return letGo
}

test('once a record was refused, one trial a second finds out whether records are taken again', async (t) => {
  const { chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  for (const again of ['the file', 'the database'] as const) {
    const letGo = failWrites(t)
    chain.refuses = new StoreUnavailable('full', 'no room')
    await assert.rejects(log.append(record('a')), /no room/)
    assert.equal(log.refused, 'no room')
    clock.pass(accessLookMs)
    await untilNextTurn()
    assert.equal(log.refused, 'no room')
    const before = chain.commits
    if (again === 'the file') letGo()
    else chain.refuses = null
    clock.pass(accessLookMs)
    await untilNextTurn()
    assert.equal(log.refused, null, again)
    if (again === 'the database') assert.ok(chain.commits > before, 'it wrote something')
    letGo()
    chain.refuses = null
  }
  await log.append(record('b'))
  await log.close()
  assert.deepEqual(chain.objects, ['b'], 'a trial is no entry')
})

test('with a trial in the file, a process that is killed leaves what a start reads', async (t) => {
  const { file, chain, clock, open } = await beginAccessLog(t)
  const log = await open()
  const letGo = failWrites(t)
  chain.refuses = new StoreUnavailable('full', 'no room')
  await assert.rejects(log.append(record('a')), /no room/)
  letGo()
  clock.pass(accessLookMs)
  await untilNextTurn()
  await log.append(record('b'))
  copyFileSync(file, `${file}.left`)
  chain.refuses = null
  await log.close()
  copyFileSync(`${file}.left`, file)
  const next = new Chain()
  await (await open(next)).close()
  assert.deepEqual(next.objects, ['b'])
})

for (const trouble of ['fail', 'get no answer'] as const)
  test(`a large file whose records cannot be moved, since moves ${trouble}, takes more`, async (t) => {
    const { chain, clock, open } = await beginAccessLog(t)
    const log = await open()
    const detail = { text: 'x'.repeat(accessLogBytes) }
    await log.append({ entries: [auditEntry({ object: 'large', detail })], fetched: [] })
    const held = chain.hold()
    if (trouble === 'fail') {
      chain.refuses = new StoreUnavailable('unavailable', 'the disk did not take data')
      held.answered.resolve()
    }
    const waiting = log.append(record('a'))
    await held.asked.promise
    await untilNextTurn()
    clock.pass(2 * accessLookMs)
    await waiting
    await log.append(record('b'))
    held.answered.resolve()
    chain.refuses = null
    await log.close()
    assert.deepEqual(chain.objects, ['large', 'a', 'b'])
  })
