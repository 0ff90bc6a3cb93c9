// The audit log against attackers who can write to the database (design: Audit): `verify` finds each kind of tampering,
// and still finds it after the server's next checkpoint. It says what cannot be proved.

import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { Audit } from '../../../src/core/audit/audit.ts'
import { checkpointEveryMs } from '../../../src/core/audit/bounds.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { Secrets } from '../../../src/core/sealing/secrets.ts'
import { openSqliteStore } from '../../../src/outside/store/sqlite/open.ts'
import { editLog, enter, history, type LogEditor } from '../../support/store/audit-log.ts'
import {
  dayMs,
  edit,
  manager,
  openCore,
  type TestCore,
  type TestCoreOptions,
} from '../../support/server/core.ts'
import { StoreAround } from '../../support/store/store-around.ts'

test('an untouched log is proved up to its last checkpoint, and newer entries are counted', async (t) => {
  const core = await history(t)
  const proof = await core.audit.verify()
  assert.deepEqual(proof.problems, [])
  assert.equal(proof.ok, true)
  assert.equal(proof.entries, 15)
  assert.equal(proof.checkpoints, 3)
  assert.equal(proof.unprovedEntries, 2)
  assert.equal(proof.provedToMs, core.clock.now() - 2_000)
  assert.equal(proof.provedFromMs, core.clock.now() - 14_000)
  const spki = Buffer.from(core.audit.publicKey, 'base64')
  assert.equal(proof.keySha256, createHash('sha256').update(spki).digest('hex'))
  await core.audit.stop()
  assert.equal((await core.audit.verify()).unprovedEntries, 0, 'a stop signs for the rest')
  assert.equal(await core.audit.checkpoint(), undefined, 'nothing new, no checkpoint')
})

test('an empty log, and one without a checkpoint yet, prove nothing and say so', async (t) => {
  const core = await openCore(t)
  const empty = await core.audit.verify()
  assert.deepEqual([empty.ok, empty.entries, empty.provedFromMs, empty.provedToMs], [true, 0, null, null])
  assert.equal(await core.audit.checkpoint(), undefined)
  await enter(core, 2)
  const young = await core.audit.verify()
  assert.deepEqual([young.ok, young.unprovedEntries, young.provedToMs], [true, 2, null])
})

/** Ways to keep an entry out of a list that asks for its key, its instance, its certificate or its time. */
const misfilings = [
  'UPDATE audit SET object = 5 WHERE writer = 1 AND number = 4',
  'UPDATE audit SET object = NULL WHERE writer = 1 AND number = 4',
  'UPDATE audit SET instance = 5 WHERE writer = 1 AND number = 4',
  'UPDATE audit SET certificate = 5 WHERE writer = 1 AND number = 4',
  'UPDATE audit SET at_ms = at_ms - 1 WHERE writer = 1 AND number = 4',
]

for (const sql of misfilings)
  test(`an entry that lists leave out is named: ${sql}`, async (t) => {
    const core = await history(t)
    edit(core.file, sql)
    const { ok, problems } = await core.audit.verify()
    assert.equal(ok, false)
    assert.match(problems.join(), /^writer [0-9a-f-]+: lists may leave entry 4 out, [^,]*$/)
  })

test('entries of a block that lists by time leave out are named', async (t) => {
  const core = await history(t)
  edit(core.file, 'UPDATE audit_blocks SET max_ms = min_ms')
  const { problems } = await core.audit.verify()
  assert.equal(problems.length, 14, 'all but the first')
})

const changed = (body: string) => body.replace('client.set', 'client.lie')

/** How somebody tampers with the first writer's entries or with checkpoints 1 and 2, all of which were signed. */
const tamperings: Record<string, (log: LogEditor) => void> = {
  'an entry changed': (log) => {
    log.run(
      `UPDATE audit SET body = replace(body, 'client.set', 'client.lie') WHERE writer = 1 AND number = 4`,
    )
  },
  'an entry changed to what is no JSON': (log) => {
    log.run(`UPDATE audit SET body = '{' WHERE writer = 1 AND number = 4`)
  },
  'an entry changed, and the chain computed again': (log) => {
    const bodies = log.rows(1).map(({ body, number }) => (number === 4 ? changed(body) : body))
    log.rewrite(1, bodies)
  },
  'the last entry changed, and the chain computed again': (log) => {
    const bodies = log.rows(1).map(({ body, number }) => (number === 9 ? changed(body) : body))
    log.rewrite(1, bodies)
  },
  'an entry removed': (log) => {
    log.run('DELETE FROM audit WHERE writer = 1 AND number = 5')
  },
  'an entry removed, the others numbered and chained again': (log) => {
    log.rewrite(
      1,
      log
        .rows(1)
        .filter(({ number }) => number !== 5)
        .map(({ body }) => body),
    )
  },
  'the first entries removed': (log) => {
    log.run('DELETE FROM audit WHERE writer = 1 AND number <= 3')
  },
  'the first entries removed as if pruned': (log) => {
    const third = log.rows(1)[2]
    log.run('UPDATE writers SET begin_number = 3, begin_hash = ? WHERE id = 1', third?.hash ?? '')
    log.run('DELETE FROM audit WHERE writer = 1 AND number <= 3')
  },
  'all of a writer removed as if pruned': (log) => {
    log.run('UPDATE writers SET begin_number = number, begin_hash = hash WHERE id = 1')
    log.run('DELETE FROM audit WHERE writer = 1')
  },
  'the last entries removed': (log) => {
    log.run('DELETE FROM audit WHERE writer = 1 AND number > 7')
  },
  'the last entries removed, and the head set back': (log) => {
    log.rewrite(
      1,
      log
        .rows(1)
        .slice(0, 7)
        .map(({ body }) => body),
    )
  },
  'entries reordered': (log) => {
    const [, second, third] = log.rows(1)
    const put = 'UPDATE audit SET body = ?, hash = ? WHERE writer = 1 AND number = ?'
    log.run(put, third?.body ?? '', third?.hash ?? '', 2)
    log.run(put, second?.body ?? '', second?.hash ?? '', 3)
  },
  'entries reordered, numbered and chained again': (log) => {
    const [first = '', second = '', ...rest] = log.rows(1).map(({ body }) => body)
    log.rewrite(1, [second, first, ...rest])
  },
  'an entry put in, the others numbered and chained again': (log) => {
    const [first = '', ...rest] = log.rows(1).map(({ body }) => body)
    log.rewrite(1, [first, changed(first), ...rest])
  },
  'an entry moved to another writer': (log) => {
    log.run('UPDATE audit SET writer = 2, number = 100 WHERE writer = 1 AND number = 9')
  },
  'a whole writer removed': (log) => {
    log.run('DELETE FROM audit WHERE writer = 1')
    log.run('DELETE FROM writers WHERE id = 1')
  },
  'the first checkpoint removed': (log) => {
    log.run('DELETE FROM checkpoints WHERE number = 1')
  },
  'a checkpoint in the middle removed': (log) => {
    log.run('DELETE FROM checkpoints WHERE number = 2')
  },
  'a checkpoint changed': (log) => {
    log.run(`UPDATE checkpoints SET body = replace(body, '"number":6', '"number":5') WHERE number = 1`)
  },
  'a checkpoint’s signature replaced by another’s': (log) => {
    const of3 = 'SELECT signature FROM checkpoints WHERE number = 3'
    log.run(`UPDATE checkpoints SET signature = (${of3}) WHERE number = 2`)
  },
  'a checkpoint’s signature that is none': (log) => {
    log.run(`UPDATE checkpoints SET signature = '' WHERE number = 2`)
  },
  'a checkpoint in the place of another': (log) => {
    const of1 = 'FROM checkpoints WHERE number = 1'
    log.run(
      `UPDATE checkpoints SET body = (SELECT body ${of1}), signature = (SELECT signature ${of1}) WHERE number = 2`,
    )
  },
}

for (const [way, tamper] of Object.entries(tamperings))
  test(`found, at once and after the next checkpoint: ${way}`, async (t) => {
    const core = await history(t)
    editLog(core.file, tamper)
    const proof = await core.audit.verify()
    assert.equal(proof.ok, false)
    assert.ok(proof.problems.length > 0 && proof.problems.every((problem) => problem.length > 10))
    const later = await core.reopen()
    await enter(later, 2)
    await later.audit.checkpoint()
    assert.notDeepEqual((await later.audit.verify()).problems, [], 'the next checkpoint covered it up')
  })

test('tampering with a writer before the next one begins is found by that writer’s checkpoint', async (t) => {
  const ways = Object.entries(tamperings).filter(([way]) =>
    /^(the last entr|a whole writer|all of a writer)/.test(way),
  )
  assert.equal(ways.length, 5)
  for (const [way, tamper] of ways) {
    const core = await openCore(t)
    await enter(core, 9)
    await core.audit.stop()
    await core.close()
    editLog(core.file, tamper)
    const later = { ...core, audit: await openedAnyway(t, core) }
    await enter(later, 2)
    await later.audit.checkpoint()
    assert.notDeepEqual((await later.audit.verify()).problems, [], way)
  }
})

/** The audit without the anchor, which would refuse most of these databases before. */
async function openedAnyway(t: TestContext, { file, clock, rootKey }: TestCore): Promise<Audit> {
  const store = await openSqliteStore({ file, clock, reserveBytes: 0 })
  t.after(() => store.close())
  return Audit.open(store, clock, await Secrets.open(store, rootKey), () => undefined)
}

test('a checkpoint signed by another key does not count', async (t) => {
  const core = await history(t)
  const { privateKey } = generateKeyPairSync('ed25519')
  const [last] = await core.store.checkpoints(1)
  const signature = sign(null, Buffer.from(last?.body ?? ''), privateKey).toString('base64')
  editLog(core.file, (log) => {
    log.run('UPDATE checkpoints SET signature = ? WHERE number = 3', signature)
  })
  const { problems } = await core.audit.verify()
  assert.deepEqual(problems, ['checkpoint 3: its signature is wrong'])
})

test('a forged last checkpoint does not count, and does not prevent the next one', async (t) => {
  const pruning = Date.now() + 3_600_000
  for (const body of [
    '{',
    `{"number":3,"atMs":1,"heads":[],"beginnings":[],"previous":"","pruning":${pruning}}`,
  ]) {
    const core = await history(t)
    editLog(core.file, (log) => {
      log.run('UPDATE checkpoints SET body = ? WHERE number = 3', body)
    })
    await enter(core, 1)
    assert.equal((await core.audit.checkpoint())?.number, 4)
    const proof = await core.audit.verify()
    assert.deepEqual([proof.entries, proof.unprovedEntries], [16, 0], 'nothing was pruned')
    assert.match(proof.problems.join(), /checkpoint 3: its signature is wrong/)
  }
})

test('without its last checkpoint a log proves less, and without any it proves nothing', async (t) => {
  const core = await history(t)
  editLog(core.file, (log) => {
    log.run('DELETE FROM checkpoints WHERE number = 3')
  })
  const less = await core.audit.verify()
  assert.equal(less.unprovedEntries, 6)
  assert.equal(less.provedToMs, core.clock.now() - 6_000)
  editLog(core.file, (log) => {
    log.run('DELETE FROM checkpoints')
  })
  const none = await core.audit.verify()
  assert.deepEqual([none.provedFromMs, none.provedToMs, none.unprovedEntries], [null, null, 15])
})

test('if an unsigned writer is removed as a whole, the next writer’s first entry reveals it', async (t) => {
  const core = await openCore(t)
  await enter(core, 3)
  const second = await core.reopen()
  await enter(second, 2)
  await second.audit.checkpoint()
  assert.deepEqual((await second.audit.verify()).problems, [])
  const young = await openCore(t)
  await enter(young, 3)
  const follower = await young.reopen()
  await enter(follower, 2)
  editLog(follower.file, (log) => {
    log.run('DELETE FROM audit WHERE writer = 1')
    log.run('DELETE FROM writers WHERE id = 1')
  })
  assert.match((await follower.audit.verify()).problems.join(), /entries 1 to 3 were cut off/)
  await follower.audit.checkpoint()
  assert.match((await follower.audit.verify()).problems.join(), /entries 1 to 3 were cut off/)
})

test('if an unsigned writer is rewritten, the next writer’s first entry reveals it', async (t) => {
  const core = await openCore(t)
  await enter(core, 3)
  const second = await core.reopen()
  await enter(second, 2)
  editLog(second.file, (log) => {
    log.rewrite(
      1,
      log.rows(1).map(({ body }) => changed(body)),
    )
  })
  assert.equal((await second.audit.verify()).ok, false)
  await second.audit.checkpoint()
  assert.equal((await second.audit.verify()).ok, false)
})

test('any page size gives the same log', async (t) => {
  const core = await openCore(t)
  await enter(core, 1100)
  await core.audit.checkpoint()
  const proof = await core.audit.verify()
  assert.deepEqual([proof.ok, proof.entries, proof.unprovedEntries], [true, 1100, 0])
})

test('checkpoints made at once form one chain without gaps', async (t) => {
  const core = await openCore(t)
  for (let round = 0; round < 3; round++) {
    await enter(core, 1)
    await Promise.all(Array.from({ length: 5 }, () => core.audit.checkpoint()))
  }
  const proof = await core.audit.verify()
  assert.deepEqual([proof.ok, proof.checkpoints], [true, 3])
  const published = core.lines.filter(({ checkpoint }) => checkpoint !== undefined)
  assert.equal(published.length, 3, 'each goes outside once')
})

test('a checkpoint is made each minute and at the stop, and one that fails is told', async (t) => {
  const around: StoreAround[] = []
  const wrap: TestCoreOptions['wrap'] = (store) => {
    const one = new StoreAround(store)
    around.push(one)
    return one
  }
  const core = await openCore(t, { wrap })
  const [store] = around
  assert.ok(store)
  const failures: unknown[] = []
  const next: (() => void)[] = []
  core.audit.start((error) => {
    failures.push(error)
    next.shift()?.()
  })
  store.after = ({ writes }) => {
    if (writes.some(({ type }) => type === 'checkpoint')) next.shift()?.()
  }
  /** Passes the time after which the next checkpoint is due, and waits until it was tried. */
  const minute = async () => {
    const { promise: tried, resolve } = Promise.withResolvers<void>()
    next.push(resolve)
    core.clock.pass(checkpointEveryMs)
    await tried
  }
  const proved = async () => {
    const { checkpoints, unprovedEntries } = await core.audit.verify()
    return [checkpoints, unprovedEntries]
  }
  await enter(core, 1)
  await minute()
  assert.deepEqual(await proved(), [1, 0])
  await enter(core, 1)
  store.before = () => {
    throw new StoreUnavailable('unavailable', 'away')
  }
  await minute()
  store.before = () => undefined
  assert.deepEqual(await proved(), [1, 1])
  assert.equal(failures.length, 1)
  await minute()
  assert.deepEqual(await proved(), [2, 0])
  await enter(core, 1)
  await core.audit.stop()
  assert.deepEqual(await proved(), [3, 0])
  core.clock.pass(checkpointEveryMs)
  await enter(core, 5)
  core.clock.pass(checkpointEveryMs)
  for (let turn = 0; turn < 5; turn++) await enter(core, 1)
  assert.deepEqual(await proved(), [3, 10], 'after the stop there is none')
})

test('a checkpoint signs for the highest trust version that was seen whole, and for none that is forged', async (t) => {
  const core = await openCore(t)
  const signed = async (audit: TestCore['audit']) => {
    await enter(core, 1)
    await audit.checkpoint()
    return audit.signedTrustVersion()
  }
  assert.equal(await core.audit.signedTrustVersion(), 0, 'there is no checkpoint yet')
  assert.equal(await signed(core.audit), 0)
  core.audit.noteTrust(7)
  core.audit.noteTrust(5)
  assert.equal(await signed(core.audit), 7)
  // Another run has seen less.
  const again = await Audit.open(core.store, core.clock, core.secrets, () => undefined)
  assert.equal(await again.signedTrustVersion(), 7)
  again.noteTrust(6)
  assert.equal(await signed(again), 7)
  again.noteTrust(8)
  assert.equal(await signed(again), 8)
  const [last] = await core.store.checkpoints(1)
  const body = (last?.body ?? '').replace('"trustVersion":8', '"trustVersion":9')
  editLog(core.file, (log) =>
    log.run('UPDATE checkpoints SET body = ? WHERE number = ?', body, last?.number ?? 0),
  )
  assert.equal(await again.signedTrustVersion(), 0)
})

test('the entry of a prune names the request', async (t) => {
  const { audit, clock } = await openCore(t)
  await audit.prune({ ...manager, requestId: 'request 1' }, clock.now())
  const { entries } = await audit.list({ order: 'newest', limit: 1, action: 'audit.prune' })
  assert.equal((JSON.parse(entries[0]?.body ?? '{}') as { requestId?: string }).requestId, 'request 1')
})

async function timesIn({ audit }: TestCore): Promise<readonly number[]> {
  const { entries } = await audit.list({ order: 'oldest', limit: 20, action: 'client.set' })
  return entries.map(({ body }) => (JSON.parse(body) as { atMs: number }).atMs)
}

test('a prune that was killed after its announcement takes what it announced, also where another one follows and the clock was set back', async (t) => {
  const first = await openCore(t)
  await enter(first, 3)
  first.clock.pass(100 * dayMs)
  await enter(first, 4)
  await first.audit.checkpoint()
  await first.audit.checkpoint(first.clock.now() - 90 * dayMs)
  const second = await first.reopen()
  await enter(second, 2)
  second.clock.jump(-1_000 * dayMs)
  await enter(second, 1)
  const young = (await timesIn(second)).slice(3)
  assert.equal(young.length, 7)
  await second.audit.prune(manager, second.clock.now() - 90 * dayMs)
  assert.deepEqual(await timesIn(second), young)
  assert.deepEqual((await second.audit.verify()).problems, [])
})

test('a prune that is refused, as on a full disk, is not in the log', async (t) => {
  const held: { around?: StoreAround } = {}
  const core = await history(t, { wrap: (store) => (held.around = new StoreAround(store)) })
  const { around } = held
  assert.ok(around)
  around.before = ({ durability }) => {
    if (durability === 'disk') throw new StoreUnavailable('full', 'no room')
  }
  await assert.rejects(core.audit.prune(manager, core.clock.now()), StoreUnavailable)
  around.before = () => undefined
  const { entries } = await core.audit.list({ order: 'newest', limit: 1, action: 'audit.prune' })
  assert.deepEqual(entries, [])
})
