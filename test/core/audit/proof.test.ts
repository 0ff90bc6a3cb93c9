// An exported audit log, verified offline: edited lines, forged beginnings, a log created again with another key, and a
// checkpoint kept outside. And pruning: what it may remove, what it keeps, and a kill in the middle.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { chainHash } from '../../../src/core/audit/chain.ts'
import { readExport } from '../../../src/core/audit/export.ts'
import type { CheckpointBody } from '../../../src/core/audit/proof.ts'
import { verifyLog } from '../../../src/core/audit/verify.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { AuditCheckpoint, AuditQuery } from '../../../src/core/ports/audit.ts'
import type { Change } from '../../../src/core/ports/store.ts'
import { editLog, enter, history, type LogEditor } from '../../support/store/audit-log.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { openCore, type TestCore } from '../../support/server/core.ts'

async function exported(core: TestCore): Promise<string[]> {
  const lines: string[] = []
  for await (const line of core.audit.export()) lines.push(line)
  return lines
}

/** Verifies with the key that the export itself names, like `audit verify FILE`. */
async function verifyLines(lines: readonly string[], checkpoint?: AuditCheckpoint) {
  const log = await readExport(lines)
  return verifyLog(log, { publicKey: log.publicKey, ...(checkpoint && { checkpoint }) })
}

/** Calls back behind each page of entries that was read. */
class Paged extends StoreAround {
  behindPage: () => Promise<void> | void = () => undefined

  override async audit(query: AuditQuery) {
    const page = await super.audit(query)
    await this.behindPage()
    return page
  }
}

async function newestCheckpoint(core: TestCore): Promise<AuditCheckpoint> {
  const [last] = await core.store.checkpoints(1)
  assert.ok(last)
  return last
}

test('an export proves what the log in the store proves', async (t) => {
  const core = await history(t)
  const lines = await exported(core)
  assert.equal(lines.length, 1 + 3 + 15)
  assert.deepEqual(await verifyLines(lines), await core.audit.verify())
  assert.deepEqual(
    await verifyLines([...lines, '', '  ']),
    await core.audit.verify(),
    'ends of lines do not count',
  )
  assert.deepEqual((await verifyLines(lines, await newestCheckpoint(core))).problems, [])
})

test('each line of an export counts: removing, doubling or swapping it is found', async (t) => {
  const core = await history(t)
  await core.audit.stop()
  const lines = await exported(core)
  for (let at = 1; at < lines.length; at++) {
    const without = lines.toSpliced(at, 1)
    const proof = await verifyLines(without)
    // The last checkpoint may be missing: then the log proves less.
    const isLast = lines[at]?.startsWith('{"checkpoint":{"number":4') === true
    if (isLast) assert.ok(proof.unprovedEntries > 0)
    else assert.equal(proof.ok, false, `without line ${at + 1}`)
    assert.equal(
      (await verifyLines(lines.toSpliced(at, 0, lines[at] ?? ''))).ok,
      false,
      `line ${at + 1} twice`,
    )
    const next = lines[at + 1]
    if (next === undefined || lines[at]?.slice(0, 8) !== next.slice(0, 8)) continue
    const swapped = lines.with(at, next).with(at + 1, lines[at] ?? '')
    // The order between entries of two writers does not matter.
    const writers = [lines[at], next].map((line) => /"writer":"([^"]+)"/.exec(line ?? '')?.[1])
    if (writers[0] === writers[1])
      assert.equal((await verifyLines(swapped)).ok, false, `lines ${at + 1} and next`)
  }
})

test('a changed character of an entry or checkpoint is found', async (t) => {
  const core = await history(t)
  await core.audit.stop()
  const lines = await exported(core)
  const digit = /[0-9a-f](?=[0-9a-f])/g
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const places = [...line.matchAll(digit)].map(({ index }) => index)
    for (const place of places.filter((_, index) => index % 40 === 0)) {
      const other = line[place] === '1' ? '2' : '1'
      const edited = lines.with(at, line.slice(0, place) + other + line.slice(place + 1))
      let ok = false
      try {
        ok = (await verifyLines(edited)).ok
      } catch {
        // It is no longer an export.
      }
      assert.equal(ok, false, `line ${at + 1}, character ${place + 1}`)
    }
  }
})

test('beginnings that are forged in an export are found', async (t) => {
  const core = await history(t)
  const lines = await exported(core)
  const { writer = '', hash = '' } = (await readExport(lines)).beginnings[0] ?? {}
  assert.equal(hash, '')
  const third = lines.map(
    (line) => JSON.parse(line) as { entry?: { writer: string; number: number; hash: string } },
  )
  const end = third.find(({ entry }) => entry?.writer === writer && entry.number === 3)?.entry
  const head = JSON.parse(lines[0] ?? '') as { beginnings: object[] }
  const forged = {
    ...head,
    beginnings: [{ writer, number: 3, hash: end?.hash }, ...head.beginnings.slice(1)],
  }
  const cut = lines.filter((line) => {
    const { entry } = JSON.parse(line) as { entry?: { writer: string; number: number } }
    return !(entry?.writer === writer && entry.number <= 3)
  })
  const proof = await verifyLines([JSON.stringify(forged), ...cut.slice(1)])
  assert.match(proof.problems.join(), /not by audit prune/)
})

test('a text that is not an export is refused with its line number, in words', async () => {
  await assert.rejects(readExport([]), /line 1 .* not JSON/)
  await assert.rejects(readExport(['{}']), /not an audit export/)
  await assert.rejects(readExport(['null']), /not an audit export/)
  await assert.rejects(
    readExport(['{"mortiseAudit":1,"publicKey":"a","beginnings":[1]}']),
    /not an audit export/,
  )
  const head = '{"mortiseAudit":1,"publicKey":"a","beginnings":[]}'
  for (const line of [
    'null',
    '1',
    '{}',
    '{"entry":{}}',
    '{"entry":"x"}',
    '{"checkpoint":5}',
    '{"checkpoint":{"number":"1"}}',
  ])
    await assert.rejects(readExport([head, line]), /line 2 is neither/, line)
  await assert.rejects(readExport([head, '', '{']), /line 3 .* not JSON/)
})

test('an export with any entries gives a proof or a refusal, nothing else', async (t) => {
  const core = await history(t)
  const lines = await exported(core)
  const body = fc.oneof(fc.string(), fc.json())
  const entry = fc.record({ writer: fc.string(), number: fc.double(), hash: fc.string(), body })
  const checkpoint = fc.record({ number: fc.integer(), signature: fc.string(), body })
  const any = fc.array(fc.oneof(fc.record({ entry }), fc.record({ checkpoint })), {
    minLength: 1,
    maxLength: 5,
  })
  await fc.assert(
    fc.asyncProperty(any, async (added) => {
      const all = [...lines, ...added.map((one) => JSON.stringify(one))]
      const proof = await (async () => verifyLines(all))().catch(String)
      assert.ok(typeof proof === 'string' ? proof.startsWith('Error: line') : Array.isArray(proof.problems))
    }),
    { numRuns: 50 },
  )
})

test('a log created again with another key is whole by itself, but not against a checkpoint kept outside', async (t) => {
  const core = await history(t)
  const outside = await newestCheckpoint(core)
  const anew = await history(t)
  const lines = await exported(anew)
  const alone = await verifyLines(lines)
  assert.equal(alone.ok, true)
  assert.notEqual(alone.keySha256, (await core.audit.verify()).keySha256, 'but its key is another')
  const against = await verifyLines(lines, outside)
  assert.match(against.problems.join(), /was not signed by this log's key/)
})

test('a log of the same key that was cut off or rewritten does not continue the checkpoint kept outside', async (t) => {
  const core = await history(t)
  const outside = await newestCheckpoint(core)
  editLog(core.file, (log) => {
    log.run('DELETE FROM checkpoints WHERE number = 3')
  })
  const cut = await verifyLines(await exported(core), outside)
  assert.match(
    cut.problems.join(),
    /is newer than the log's last \(2\): the end of the log was cut off, or this is an older export/,
  )
  await enter(core, 1)
  await core.audit.checkpoint()
  const rewritten = await verifyLines(await exported(core), outside)
  assert.match(rewritten.problems.join(), /differs from the log's: the log was rewritten/)
})

// ---------------------------------------------------------------- Pruning

/** The numbers of each writer's remaining entries. */
async function left(core: TestCore): Promise<readonly (readonly number[])[]> {
  const { entries } = await core.store.audit({ order: 'oldest', limit: 1000 })
  return [...Map.groupBy(entries, ({ writer }) => writer).values()].map((of) =>
    of.map(({ number }) => number),
  )
}

/** The time of the first writer's n-th entry in `history`. */
function momentOf(core: TestCore, n: number): number {
  return core.clock.now() - (15 - n) * 1_000
}

test('pruning removes older entries, and the rest is proved as before', async (t) => {
  const core = await history(t)
  assert.equal(await core.audit.prune(serverActor, momentOf(core, 4)), 3)
  assert.deepEqual(await left(core), [
    [4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 5, 6, 7],
  ])
  const proof = await core.audit.verify()
  assert.deepEqual([proof.problems, proof.unprovedEntries], [[], 0])
  assert.deepEqual((await verifyLines(await exported(core))).problems, [])
  await enter(core, 1)
  await core.audit.prune(serverActor, momentOf(core, 12))
  assert.deepEqual((await core.audit.verify()).problems, [])
  const again = await core.reopen()
  assert.deepEqual((await again.audit.verify()).problems, [])
})

test('pruning everything leaves a record of it, and the chain continues', async (t) => {
  const core = await history(t)
  core.clock.pass(10_000)
  await core.audit.prune(serverActor, core.clock.now())
  assert.deepEqual(await left(core), [[7]])
  await enter(core, 2)
  await core.audit.checkpoint()
  assert.deepEqual((await core.audit.verify()).problems, [])
})

test('a log that is pruned while it is read is not taken for one that somebody changed', async (t) => {
  const held: { paged?: Paged } = {}
  const core = await openCore(t, { wrap: (store) => (held.paged = new Paged(store)) })
  await enter(core, 1_100)
  await core.audit.checkpoint()
  const pruneBehindOnePage = (entries: number) => {
    assert.ok(held.paged)
    held.paged.behindPage = async () => {
      assert.ok(held.paged)
      held.paged.behindPage = () => undefined
      await core.audit.prune(serverActor, core.clock.now() - (1_100 - entries) * 1_000)
    }
  }
  pruneBehindOnePage(700)
  assert.deepEqual((await core.audit.verify()).problems, [])
  pruneBehindOnePage(800)
  await assert.rejects(exported(core), /was pruned/)
  assert.deepEqual((await verifyLines(await exported(core))).problems, [])
})

test('an export that was cut off is not whole, wherever it was cut', async (t) => {
  const core = await history(t)
  const lines = await exported(core)
  assert.deepEqual((await verifyLines(lines)).problems, [])
  for (let count = 1; count < lines.length; count++)
    assert.match(
      (await verifyLines(lines.slice(0, count))).problems.join(),
      /cut off|missing/,
      `${count} lines`,
    )
})

test('a removal by hand beside a prune is found', async (t) => {
  const core = await history(t)
  await core.audit.prune(serverActor, momentOf(core, 4))
  editLog(core.file, (log) => {
    const next = log.rows(1).find(({ number }) => number === 6)
    log.run('UPDATE writers SET begin_number = 6, begin_hash = ? WHERE id = 1', next?.hash ?? '')
  })
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
  await enter(core, 1)
  await core.audit.checkpoint()
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
})

test('a prune removes nothing that only seems old, however somebody changed the rows', async (t) => {
  const ways: Record<string, (log: LogEditor) => void> = {
    'their times': (log) => {
      log.run('UPDATE audit SET at_ms = 0 WHERE writer = 1')
      log.run('UPDATE audit_blocks SET min_ms = 0')
    },
    'the times of their blocks': (log) => {
      log.run('UPDATE audit_blocks SET min_ms = 0, max_ms = 0')
    },
    'the first one': (log) => {
      log.run('DELETE FROM audit WHERE writer = 1 AND number = 1')
    },
    'one, with its time': (log) => {
      const body = log.rows(1)[8]?.body.replace(/"atMs":\d+/, '"atMs":0') ?? ''
      const previous = log.rows(1)[7]?.hash ?? ''
      log.run('UPDATE audit SET at_ms = 0 WHERE writer = 1')
      log.run(
        'UPDATE audit SET body = ?, hash = ? WHERE writer = 1 AND number = 9',
        body,
        chainHash(previous, body),
      )
    },
  }
  for (const [way, change] of Object.entries(ways)) {
    const core = await history(t)
    editLog(core.file, change)
    await core.audit.prune(serverActor, momentOf(core, 4))
    assert.deepEqual((await left(core))[0]?.slice(-3), [7, 8, 9], way)
  }
})

test('a prune killed after any of its commits leaves a whole log, and the next checkpoint completes it', async (t) => {
  for (let killedAt = 1; killedAt <= 3; killedAt++) {
    const held: { around?: StoreAround } = {}
    const core = await history(t, { wrap: (store) => (held.around = new StoreAround(store)) })
    const moment = momentOf(core, 4)
    let commits = 0
    const { around } = held
    assert.ok(around)
    around.before = () => {
      if (++commits >= killedAt) throw new Error('killed here')
    }
    await assert.rejects(core.audit.prune(serverActor, moment), /killed here/)
    around.before = () => undefined
    assert.deepEqual((await core.audit.verify()).problems, [], `killed at commit ${killedAt}`)
    const again = await core.reopen()
    assert.deepEqual((await again.audit.verify()).problems, [], `after a start, killed at commit ${killedAt}`)
    await again.audit.checkpoint()
    assert.deepEqual(
      (await again.audit.verify()).problems,
      [],
      `a checkpoint later, killed at commit ${killedAt}`,
    )
    const pruned = (await left(again))[0]?.[0] === 4
    assert.equal(pruned, killedAt > 1, 'what was announced is finished, what was not is not begun')
    const { entries } = await again.audit.list({ order: 'newest', limit: 2, action: 'audit.prune' })
    assert.equal(entries.length, pruned ? 1 : 0, 'and is not said')
  }
})

const isPrune = ({ writes }: Change) => writes.some(({ type }) => type === 'prune')

test('two prunes at once leave a whole log', async (t) => {
  const held: { around?: StoreAround } = {}
  const core = await history(t, { wrap: (store) => (held.around = new StoreAround(store)) })
  const [begun, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  assert.ok(held.around)
  held.around.before = async (change) => {
    if (!isPrune(change) || !held.around) return
    held.around.before = () => undefined
    begun.resolve()
    await gone.promise
  }
  // This one has announced what it removes, and the other one comes in between.
  const wide = core.audit.prune(serverActor, momentOf(core, 6))
  await begun.promise
  await core.audit.prune(serverActor, momentOf(core, 4))
  gone.resolve()
  await wide
  assert.deepEqual((await core.audit.verify()).problems, [])
  assert.equal((await left(core))[0]?.[0], 6, 'both did what they said')
  await enter(core, 1)
  await core.audit.checkpoint()
  assert.deepEqual((await core.audit.verify()).problems, [])
})

/** Calls back when what a prune would take is read. */
class Announcing extends StoreAround {
  beforeRead: () => Promise<void> | void = () => undefined

  override async prunable(...args: Parameters<StoreAround['prunable']>) {
    await this.beforeRead()
    return super.prunable(...args)
  }
}

test('a prune that is carried out while the next one is announced leaves a whole log', async (t) => {
  for (const moment of ['beforeRead', 'before'] as const) {
    const held: { around?: Announcing } = {}
    const core = await history(t, { wrap: (store) => (held.around = new Announcing(store)) })
    const { around } = held
    assert.ok(around)
    around.before = (change) => {
      if (isPrune(change)) throw new Error('killed here')
    }
    await assert.rejects(core.audit.prune(serverActor, momentOf(core, 4)))
    const { number: checkpoint, body } = await newestCheckpoint(core)
    const { heads: upTo, pruning: beforeMs = 0 } = JSON.parse(body) as CheckpointBody
    const kill = ({ writes }: Change) => {
      if (writes.some((one) => one.type === 'prune' && one.checkpoint > checkpoint))
        throw new Error('killed here')
    }
    const carriedOut = async (change?: Change) => {
      if (change && change.writes[0]?.type !== 'checkpoint') return
      around.beforeRead = () => undefined
      around.before = kill
      const prune = { type: 'prune', checkpoint, beforeMs, upTo } as const
      await around.commit({ writes: [prune], entries: [], durability: 'disk' })
    }
    around.before = kill
    around[moment] = carriedOut
    await assert.rejects(core.audit.prune(serverActor, momentOf(core, 6)), /killed here/)
    assert.deepEqual((await core.audit.verify()).problems, [], moment)
    assert.equal((await left(core))[0]?.[0], 4)
    around.before = () => undefined
    await core.audit.checkpoint()
    assert.deepEqual((await core.audit.verify()).problems, [], moment)
    assert.equal((await left(core))[0]?.[0], 6)
  }
})

test('a prune killed half way excuses nothing beyond what it announced', async (t) => {
  const held: { around?: StoreAround } = {}
  const core = await history(t, { wrap: (store) => (held.around = new StoreAround(store)) })
  assert.ok(held.around)
  held.around.before = (change) => {
    if (isPrune(change)) throw new Error('killed here')
  }
  await assert.rejects(core.audit.prune(serverActor, momentOf(core, 4)))
  held.around.before = () => undefined
  await enter(core, 3)
  editLog(core.file, (log) => {
    const last = log.rows(2).find(({ number }) => number === 9)
    log.run('UPDATE writers SET begin_number = 9, begin_hash = ? WHERE id = 2', last?.hash ?? '')
  })
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
  await core.audit.checkpoint()
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
})

test('an announced prune excuses no other one, though it comes at the very moment', async (t) => {
  const core = await history(t)
  // SQLite does it within the server's own transaction.
  editLog(core.file, (log) => {
    const hash = log.rows(1)[7]?.hash ?? ''
    log.run(`CREATE TRIGGER other AFTER INSERT ON checkpoints WHEN new.body LIKE '%"pruning"%' BEGIN
      UPDATE writers SET begin_number = 8, begin_hash = '${hash}' WHERE id = 1; END`)
  })
  await core.audit.prune(serverActor, momentOf(core, 4))
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
  await enter(core, 1)
  await core.audit.checkpoint()
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
})

test('without a checkpoint no prune counts, whatever the store says', async (t) => {
  const core = await openCore(t)
  await enter(core, 5)
  editLog(core.file, (log) => {
    const second = log.rows(1)[1]
    log.run('UPDATE writers SET begin_number = 2, begin_hash = ? WHERE id = 1', second?.hash ?? '')
  })
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
  await core.audit.checkpoint()
  assert.match((await core.audit.verify()).problems.join(), /not by audit prune/)
})

test('after an accepted restore the log continues above every known number, and reports what was left behind', async (t) => {
  const core = await history(t)
  await core.audit.checkpoint()
  const restored = await core.audit.restoredCheckpoint(9, 1)
  await core.store.commit({ writes: [restored], entries: [], durability: 'disk' })
  await enter(core, 1)
  await core.audit.checkpoint()
  const { problems, restores } = await core.audit.verify()
  assert.deepEqual(problems, [])
  assert.equal(restores.length, 1)
  assert.match(
    restores[0] ?? '',
    /the log goes on from checkpoint 4; 5 later checkpoints, with what they signed for, were left behind$/,
  )
  assert.equal((await newestCheckpoint(core)).number, 11)

  // Nothing else may be missing.
  const lines = await exported(core)
  const without = (number: number) =>
    lines.filter((line) => !line.startsWith(`{"checkpoint":{"number":${number},`))
  assert.match((await verifyLines(without(4))).problems.join(), /checkpoints 4 to 4 are missing/)
  assert.match((await verifyLines(without(10))).problems.join(), /checkpoints 5 to 10 are missing/)
})

test('a restore keeps what was pruned before it, and one of a log without a checkpoint begins with 1', async (t) => {
  const core = await history(t)
  await core.audit.prune(serverActor, momentOf(core, 4))
  const restored = await core.audit.restoredCheckpoint(0, 1)
  await core.store.commit({ writes: [restored], entries: [], durability: 'disk' })
  assert.deepEqual((await core.audit.verify()).problems, [])
  const young = await openCore(t)
  await enter(young, 1)
  const first = await young.audit.restoredCheckpoint(0, 1)
  assert.deepEqual([first.checkpoint.number, first.follows], [1, 0])
})

test('a checkpoint kept outside that a restore discarded is reported as such', async (t) => {
  const core = await history(t)
  const lost = await core.audit.checkpoint()
  assert.ok(lost)
  editLog(core.file, (log) => log.run('DELETE FROM checkpoints WHERE number = 4'))
  const restored = await core.audit.restoredCheckpoint(4, 1)
  await core.store.commit({ writes: [restored], entries: [], durability: 'disk' })
  const { problems } = await verifyLines(await exported(core), lost)
  assert.deepEqual(problems, [
    'the checkpoint 4 that was kept outside belongs to the part that a restore discarded, which was accepted with checkpoint 5',
  ])
})
