// What a request for a second person becomes, row by row: who is stopped, what goes with it, and what each change tells the audit.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { approvalKeptMs, approvalMs, approvalReasonCharactersMax } from '../../../src/base/bounds.ts'
import {
  approvalClockSlackMs,
  approvalsWaitingMax,
  approvalsWaitingPerPersonMax,
} from '../../../src/core/trust/approval-changes.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { StoreUnavailable, type Write } from '../../../src/core/ports/store.ts'
import { approvalStates, type Approval } from '../../../src/core/trust/approval.ts'
import { approvalResult, approvalSecret, type Decider } from '../../../src/core/trust/approval-changes.ts'
import { rowWrites } from '../../../src/core/trust/row-writes.ts'
import { TrustForbidden, TrustRefused } from '../../../src/core/trust/writer.ts'
import { manager, openCore, type TestCore } from '../../support/server/core.ts'
import { StoreAround } from '../../support/store/store-around.ts'

interface Scene {
  readonly core: TestCore
  readonly around: StoreAround
  readonly ann: Decider
  readonly bob: Decider
  readonly request: (more?: Partial<Approval>) => Approval
}

async function begin(t: TestContext): Promise<Scene> {
  let around: StoreAround | undefined
  const core = await openCore(t, { wrap: (store) => (around = new StoreAround(store)) })
  assert.ok(around)
  const decider = async (owner: string): Promise<Decider> => {
    const wanted = { name: owner, role: 'manager', instanceId: null, expiresMs: null, owner } as const
    const { token } = await core.trust.tokens.create({ ...manager, id: randomUUID() }, wanted)
    const party = {
      tokenId: token.id,
      name: owner,
      person: { kind: 'owner', name: owner },
      address: null,
    } as const
    return { by: { ...manager, name: owner }, party, loginOf: () => assert.fail('nobody logged in') }
  }
  const [ann, bob] = [await decider('ann'), await decider('bob')]
  const request = (more: Partial<Approval> = {}): Approval => ({
    id: randomUUID(),
    act: 'instance delete',
    route: 'deleteInstance',
    asked: { params: { instance: randomUUID() }, query: {}, body: {} },
    hasSecrets: false,
    facts: {},
    instanceId: null,
    asker: ann.party,
    createdMs: core.clock.now(),
    endsMs: core.clock.now() + approvalMs,
    state: 'waiting',
    ...more,
  })
  return { core, around, ann, bob, request }
}

const refusedWith = (says: RegExp) => (error: unknown) => {
  assert(error instanceof TrustRefused, String(error))
  assert.match(`${error.message} ${error.hint ?? ''}`, says)
  return true
}

async function rowOf({ core }: Scene, { id }: Approval): Promise<Approval | undefined> {
  return (await core.access.snapshot()).tables.approval.get(id)
}

/** The newest entry about the request: its action, who did it, and what it tells. */
async function told({ core }: Scene, { id }: Approval) {
  const { entries } = await core.store.audit({ object: id, order: 'newest', limit: 1 })
  const { action, actor, detail } = JSON.parse(entries[0]?.body ?? 'null') as AuditEntry
  return [action, actor.name, detail]
}

const secret = (name: string): Write => ({ type: 'secret', record: { name, sealed: Buffer.from('sealed') } })

const about = { act: 'instance delete', askedBy: 'ann', token: 'ann' }

test('a request is told with who asked, and waits until its very end', async (t) => {
  const scene = await begin(t)
  const { core, ann, request } = scene
  const asked = await core.trust.approvals.ask(ann.by, request(), [])
  assert.deepEqual(await told(scene, asked), ['approval.ask', 'ann', about])
  core.clock.pass(approvalMs - 1)
  assert.equal(core.trust.approvals.stateOf(asked, core.clock.now()), 'waiting')
  core.clock.pass(1)
  for (const state of approvalStates) {
    const now = core.trust.approvals.stateOf({ ...asked, state }, core.clock.now())
    assert.equal(now, state === 'waiting' ? 'ended' : state)
  }
})

test('the same request waits once; another body, another route, or one that is over, is another', async (t) => {
  const { core, ann, bob, request } = await begin(t)
  const { approvals } = core.trust
  const first = await approvals.ask(ann.by, request(), [])
  const { asked } = first
  await assert.rejects(
    approvals.ask(ann.by, request({ asked }), []),
    refusedWith(new RegExp(`waits already: ${first.id} .*approval show ${first.id}`)),
  )
  await approvals.ask(ann.by, request({ asked: { ...asked, body: { shred: true } } }), [])
  await approvals.ask(ann.by, request({ asked, route: 'setRootKey' }), [])
  await approvals.ask(bob.by, request({ asked, asker: bob.party }), [])
  await approvals.cancel(first.id, ann)
  await approvals.ask(ann.by, request({ asked }), [])
})

test('one person fills its own places and no others', async (t) => {
  const { core, ann, bob, request } = await begin(t)
  const { approvals } = core.trust
  for (let n = 0; n < approvalsWaitingPerPersonMax; n++) await approvals.ask(ann.by, request(), [])
  await assert.rejects(
    approvals.ask(ann.by, request(), []),
    refusedWith(/20 of your requests .*approval cancel ID/),
  )
  await approvals.ask(bob.by, request({ asker: bob.party }), [])
})

test('there are places for so many requests of all people together, and no more', async (t) => {
  const { core, ann, request } = await begin(t)
  const { approvals } = core.trust
  const put = Array.from({ length: approvalsWaitingMax - 1 }, (_, n) => {
    const person = { kind: 'owner', name: `p${n % 10}` } as const
    return { kind: 'approval', value: request({ asker: { ...ann.party, person } }) } as const
  })
  const writes = rowWrites(core.secrets, await core.access.snapshot(), { put })
  await core.store.commit({ writes, entries: [], durability: 'disk' })
  await approvals.ask(ann.by, request(), [])
  await assert.rejects(approvals.ask(ann.by, request(), []), refusedWith(/too many requests wait/))
})

test('requests about one instance take no places from those about others and the server, whatever their owners are called', async (t) => {
  const { core, ann, request } = await begin(t)
  const { approvals } = core.trust
  const instanceId = randomUUID()
  const put = Array.from({ length: approvalsWaitingMax }, (_, n) => {
    const person = { kind: 'owner', name: n < approvalsWaitingPerPersonMax ? 'ann' : `p${n}` } as const
    return {
      kind: 'approval',
      value: request({ instanceId, asker: { ...ann.party, person } }),
    } as const
  })
  const writes = rowWrites(core.secrets, await core.access.snapshot(), { put })
  await core.store.commit({ writes, entries: [], durability: 'disk' })
  await approvals.ask(ann.by, request(), [])
  await approvals.ask(ann.by, request({ instanceId: randomUUID() }), [])
  const other = { ...ann.party, person: { kind: 'owner', name: 'bob' } } as const
  await assert.rejects(
    approvals.ask(ann.by, request({ instanceId, asker: other }), []),
    refusedWith(/too many requests wait/),
  )
})

test('an act that is one commit takes its request along: done, without its secrets, with both entries', async (t) => {
  const { core, ann, bob, request } = await begin(t)
  const { approvals } = core.trust
  const asked = await approvals.ask(ann.by, request({ hasSecrets: true }), [])
  const consent = approvals.consent(asked.id, bob)
  assert.equal(consent.isUsed(), false)
  const decidedMs = core.clock.now() + 1
  const along = consent.along(await core.access.snapshot(), decidedMs)
  assert.equal(consent.isUsed(), true)
  assert.deepEqual(along.put, [
    { kind: 'approval', value: { ...asked, state: 'done', decider: bob.party, decidedMs } },
  ])
  assert.deepEqual(along.writes, [{ type: 'secret-removed', name: approvalSecret(asked.id) }])
  assert.deepEqual(
    along.entries.map(({ atMs, action, object, actor, result, detail }) => {
      return [atMs, action, object, actor.name, result, detail]
    }),
    [
      [decidedMs, 'approval.approve', asked.id, 'bob', 'success', about],
      [decidedMs, 'approval.carry-out', asked.id, serverActor.name, 'success', about],
    ],
  )
})

test('whoever asked does not approve, and the audit has the attempt; somebody else does, once', async (t) => {
  const scene = await begin(t)
  const { core, ann, bob, request } = scene
  const { approvals } = core.trust
  const asked = await approvals.ask(ann.by, request(), [])
  await assert.rejects(approvals.approve(asked.id, ann), TrustForbidden)
  const [action, who, detail] = await told(scene, asked)
  assert.deepEqual([action, who], ['approval.approve', 'ann'])
  assert.match(JSON.stringify(detail), /"why":/)

  const now = await core.access.snapshot()
  assert.throws(() => approvals.requireDecidable(now, asked.id, ann), TrustForbidden)
  approvals.requireDecidable(now, asked.id, bob)

  const approved = await approvals.approve(asked.id, bob)
  assert.deepEqual([approved.state, approved.decider], ['approved', bob.party])
  assert.deepEqual(await told(scene, asked), ['approval.approve', 'bob', about])
  await assert.rejects(
    approvals.approve(asked.id, bob),
    refusedWith(/was approved, and is being carried out/),
  )
  await approvals.finish(asked.id)
  assert.deepEqual(
    [(await rowOf(scene, asked))?.state, await told(scene, asked)],
    ['done', ['approval.carry-out', serverActor.name, about]],
  )
  await approvals.finish(asked.id)
  await approvals.fail(asked.id, serverActor, 'too late')
  assert.equal((await rowOf(scene, asked))?.state, 'done')
})

test('an outage of the store is not taken for the end of a request', async (t) => {
  const scene = await begin(t)
  const { core, around, ann, bob, request } = scene
  const { approvals } = core.trust
  const asked = await approvals.ask(ann.by, request(), [])
  await approvals.approve(asked.id, bob)
  around.before = () => {
    throw new StoreUnavailable('unavailable', 'gone')
  }
  await assert.rejects(approvals.finish(asked.id), StoreUnavailable)
  around.before = () => undefined
  assert.equal((await rowOf(scene, asked))?.state, 'approved')
})

test('what is only asked is not carried out', async (t) => {
  const scene = await begin(t)
  const { core, ann, request } = scene
  const asked = await core.trust.approvals.ask(ann.by, request(), [])
  await core.trust.approvals.finish(asked.id)
  assert.equal((await rowOf(scene, asked))?.state, 'waiting')
})

test('however a request ends, what it keeps secret goes with it', async (t) => {
  const scene = await begin(t)
  const { core, ann, bob, request } = scene
  const { approvals } = core.trust
  const ways: Readonly<Record<string, (id: string) => Promise<unknown>>> = {
    refused: (id) => approvals.refuse(id, bob, 'not today'),
    cancelled: (id) => approvals.cancel(id, ann),
    failed: (id) => approvals.fail(id, serverActor, 'x'.repeat(approvalReasonCharactersMax + 1)),
    ended: async () => {
      core.clock.pass(approvalMs)
      await approvals.tidy(await core.access.snapshot())
    },
  }
  for (const [state, end] of Object.entries(ways)) {
    const wanted = request({ hasSecrets: true })
    const name = approvalSecret(wanted.id)
    await approvals.ask(ann.by, wanted, [secret(name)])
    assert(
      (await core.store.secrets()).some((one) => one.name === name),
      state,
    )
    await end(wanted.id)
    assert(!(await core.store.secrets()).some((one) => one.name === name), state)
    const row = await rowOf(scene, wanted)
    assert.equal(row?.state, state)
    if (state === 'refused')
      assert.deepEqual(await told(scene, row), ['approval.refuse', 'bob', { ...about, reason: 'not today' }])
    assert.equal(row.decidedMs, core.clock.now())
    if (state === 'failed') assert.equal(row.reason?.length, approvalReasonCharactersMax)
    await assert.rejects(approvals.approve(wanted.id, bob), TrustRefused)
  }
})

test('a request ends when the token that asked is revoked, and says so', async (t) => {
  const scene = await begin(t)
  const { core, ann, bob, request } = scene
  const asked = await core.trust.approvals.ask(ann.by, request(), [])
  const byBob = await core.trust.approvals.ask(bob.by, request({ asker: bob.party }), [])
  await core.trust.tokens.revoke(manager, 'tokenId' in ann.party ? ann.party.tokenId : '', null)
  await core.trust.approvals.tidy(await core.access.snapshot())
  const row = await rowOf(scene, asked)
  assert.deepEqual([row?.state, row?.reason], ['ended', 'the token that asked for it was revoked'])
  assert.equal((await rowOf(scene, byBob))?.state, 'waiting')
  await assert.rejects(
    core.trust.approvals.cancel(asked.id, bob),
    refusedWith(/does not wait any more: the token that asked for it was revoked/),
  )
})

test('a request that is approved while its end is written down does not end', async (t) => {
  const scene = await begin(t)
  const { core, ann, bob, request } = scene
  const { approvals } = core.trust
  const asked = await approvals.ask(ann.by, request(), [])
  const before = await core.access.snapshot()
  await approvals.approve(asked.id, bob)
  core.clock.pass(approvalMs)
  await approvals.tidy(before)
  assert.equal((await rowOf(scene, asked))?.state, 'approved')
})

test('what is long over is forgotten with the next request, and so is what it answered', async (t) => {
  const scene = await begin(t)
  const { core, ann, bob, request } = scene
  const { approvals } = core.trust
  const old = await approvals.ask(ann.by, request(), [secret('kept')])
  const name = approvalResult(old.id)
  await approvals.ask(bob.by, request({ asker: bob.party }), [secret(name)])
  await approvals.cancel(old.id, ann)
  core.clock.pass(approvalKeptMs + 1)
  await approvals.ask(ann.by, request(), [])
  assert.equal(await rowOf(scene, old), undefined)
  const left = (await core.store.secrets()).map((one) => one.name)
  assert.deepEqual([left.includes(name), left.includes('kept')], [false, true])
})

test('a clock that was set back far shows nothing as waiting, and one that is a little behind approves nothing', async (t) => {
  const { core, ann, bob, request } = await begin(t)
  const { approvals } = core.trust
  const slack = approvalClockSlackMs
  const createdMs = core.clock.now() + slack
  const just = await approvals.ask(ann.by, request({ createdMs, endsMs: createdMs + approvalMs }), [])
  const later = request({ createdMs: createdMs + 1, endsMs: createdMs + approvalMs })
  await approvals.ask(ann.by, later, [])
  await assert.rejects(
    approvals.approve(later.id, bob),
    refusedWith(/clock of this server is before .*Set the clock right/),
  )
  assert.equal((await approvals.approve(just.id, bob)).state, 'approved')
  const far = { ...later, id: 'far', createdMs: core.clock.now() + approvalMs + 1 }
  assert.equal(approvals.stateOf(far, core.clock.now()), 'ended')
  const set = { ...later, id: 'set back', endsMs: core.clock.now() + 2 * approvalMs }
  assert.equal(approvals.stateOf(set, core.clock.now()), 'waiting')
  core.clock.pass(approvalMs)
  assert.equal(approvals.stateOf(set, core.clock.now()), 'ended', 'no request waits longer here')
})
