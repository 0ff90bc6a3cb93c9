// The writer of trust: which entries a change and its refusal leave in which instance's audit, and what happens if the
// store refuses.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { StoreConflict, StoreUnavailable, type Change, type Write } from '../../../src/core/ports/store.ts'
import type { Expectation } from '../../../src/core/ports/expectation.ts'
import { conflictRetriesMax } from '../../../src/base/bounds.ts'
import { trustChangeEveryMs, trustChangesAtOnce } from '../../../src/core/trust/change-pace.ts'
import { trustNoticeDelayMsMax } from '../../../src/core/trust/writer.ts'
import type { Consent } from '../../../src/core/trust/consent.ts'
import type { Grantor } from '../../../src/core/trust/grantor.ts'
import { TrustForbidden, TrustRefused } from '../../../src/core/trust/writer.ts'
import { clientCertificate, testVmca } from '../../support/certificates/certificates.ts'
import { makeInstance, manager, openCore, trustClient } from '../../support/server/core.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { auditEntry } from '../../support/store/store-values.ts'

async function open(t: Parameters<typeof openCore>[0]) {
  const changes: Change[] = []
  let around: StoreAround | undefined
  const core = await openCore(t, { wrap: (store) => (around = new StoreAround(store)) })
  assert.ok(around)
  const store = around
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  /** Called for each change but the checkpoints, which the server signs by itself. */
  const intercept = (work: () => void) => {
    store.before = (change) => {
      if (change.writes.some(({ type }) => type === 'checkpoint')) return
      changes.push(change)
      work()
    }
  }
  intercept(() => undefined)
  const entries = () => changes.flatMap((change) => change.entries)
  const byToken = { ...manager, kind: 'token', id: 'token 1', name: 'alice', address: '192.0.2.9' } as const
  const mine = { ...byToken, onlyInstanceId: a.id, requestId: 'request 1' }
  return { core, intercept, a, b, changes, entries, mine }
}

type Opened = Awaited<ReturnType<typeof open>>

const about = ({ action, result, instanceId, object, reason }: AuditEntry) => {
  return { action, result, instanceId, object, reason }
}

test('a refusal is entered in the asker’s instance, and some time later in the instance that it concerns', async (t) => {
  const { core, a, b, changes, entries, mine } = await open(t)
  const { certificate } = await clientCertificate('vmca-signed')
  const { certificate: ca } = await testVmca()
  const { client } = await core.trust.clients.trustAuthority(manager, {
    instanceId: b.id,
    name: 'x',
    ca,
    subject: '*',
  })
  changes.length = 0
  const wanted = { instanceId: a.id, name: 'y', certificate }
  await assert.rejects(core.trust.clients.trustCertificate(mine, wanted), TrustForbidden)
  const [own, none] = entries()
  assert.equal(none, undefined)
  const refusal = { result: 'refused', reason: 'PermissionDenied' }
  const { sha256 } = certificate
  assert.deepEqual(own && about(own), {
    action: 'client.trust',
    instanceId: a.id,
    object: sha256,
    ...refusal,
  })
  assert.equal(own?.actor.name, 'alice')
  assert.equal(own.requestId, 'request 1')
  core.clock.pass(trustNoticeDelayMsMax)
  const [, theirs] = entries()
  const claim = { action: 'client.certificate.claim', instanceId: b.id, object: client.id, ...refusal }
  assert.deepEqual(theirs && about(theirs), claim)
  const nobody = { kind: 'token', id: 'token 1', name: null, certificateSha256: null, address: null }
  assert.deepEqual(theirs?.actor, nobody, 'the other instance learns the token’s id only')
  changes.length = 0
  await core.trust.clients.trustCertificate({ ...mine, onlyInstanceId: null }, wanted)
  assert.deepEqual(
    entries().map(({ instanceId, actor }) => [instanceId, actor.name]),
    [a, b].map(({ id }) => [id, 'alice']),
    'a token for all instances is named in each',
  )
})

test('a refusal that concerns nobody else leaves one entry', async (t) => {
  const { core, a, changes, mine } = await open(t)
  const { certificate } = await clientCertificate('self-signed')
  const wanted = { instanceId: a.id, name: 'y', certificate }
  await assert.rejects(core.trust.clients.trustCertificate(mine, wanted), TrustForbidden)
  core.clock.pass(trustNoticeDelayMsMax)
  assert.equal(changes.length, 1)
})

test('a refusal stands even if it cannot be entered', async (t) => {
  const { core, intercept, a, mine } = await open(t)
  intercept(() => {
    throw new StoreUnavailable('full', 'no room')
  })
  const { certificate } = await clientCertificate('self-signed')
  const wanted = { instanceId: a.id, name: 'y', certificate }
  await assert.rejects(core.trust.clients.trustCertificate(mine, wanted), TrustForbidden)
})

test('a refusal for another reason than rights leaves no entry', async (t) => {
  const { core, a, changes } = await open(t)
  await assert.rejects(core.trust.clients.remove(manager, a.id, 'nobody'), TrustRefused)
  assert.deepEqual(changes, [])
})

test('a change is decided again after a conflict, as often as the limit says; other failures end it at once', async (t) => {
  const { core, intercept, a, changes } = await open(t)
  const remove = () => core.trust.clients.remove(manager, a.id, 'vcenter')
  await trustClient(core, a)
  for (const [error, tries] of [
    [new StoreConflict('trust', 'again'), conflictRetriesMax + 1],
    [new StoreUnavailable('full', 'no room'), 1],
  ] as const) {
    changes.length = 0
    intercept(() => {
      throw error
    })
    await assert.rejects(remove(), error)
    assert.equal(changes.length, tries)
  }
  changes.length = 0
  intercept(() => {
    if (changes.length <= conflictRetriesMax) throw new StoreConflict('trust', 'again')
  })
  await remove()
  assert.equal(changes.length, conflictRetriesMax + 1)
})

test('those of one instance change trusted rows one after the other, with a pause; those of all instances do not wait', async (t) => {
  const { core, a, mine } = await open(t)
  await trustClient(core, a)
  const change = (by: Grantor, days: number) =>
    core.trust.clients.update(by, a.id, 'vcenter', { expiredGraceDays: days })
  for (let days = 0; days < trustChangesAtOnce; days++) await change(mine, days)
  const late = change(mine, 100)
  for (let days = 200; days < 200 + conflictRetriesMax; days++) await change(manager, days)
  const days = async () => (await core.access.clients(a.id))[0]?.expiredGraceDays
  assert.notEqual(await days(), 100)
  core.clock.pass(trustChangeEveryMs)
  await late
  assert.equal(await days(), 100)
})

test('somebody who may no more by the time of the change, or when it is decided again, changes nothing', async (t) => {
  const { core, intercept, a, mine } = await open(t)
  const { certificate } = await clientCertificate('vmca-signed')
  const gone = new Error('the token was revoked')
  let may = true
  const stillMay = async () => {
    if (!may) throw gone
    return { trustVersion: (await core.access.snapshot()).version }
  }
  intercept(() => {
    may = false
    throw new StoreConflict('trust', 'the trusted rows were changed meanwhile')
  })
  const by: Grantor = { ...mine, onlyInstanceId: null, stillMay }
  const wanted = { instanceId: a.id, name: 'y', certificate }
  for (const what of ['decided again', 'at first']) {
    await assert.rejects(core.trust.clients.trustCertificate(by, wanted), gone, what)
    intercept(() => undefined)
  }
  assert.deepEqual(await core.access.clients(a.id), [])
})

test('a change is decided on the rows as of which the one who asks still may', async (t) => {
  const { core, a, mine } = await open(t)
  let asked = 0
  const stillMay = async () => {
    // The rows change between the two looks at them.
    if (++asked === 1) await core.trust.instances.update(manager, a.id, { cacheSeconds: 1 })
    return { trustVersion: (await core.access.snapshot()).version }
  }
  const by: Grantor = { ...mine, stillMay }
  await core.trust.instances.update(by, a.id, { outageSeconds: 2 })
  const { cacheSeconds, outageSeconds } = (await core.access.instance(a.id)) ?? {}
  assert.deepEqual([asked >= 2, cacheSeconds, outageSeconds], [true, 1, 2])
})

const block = {
  kind: 'block',
  value: { id: 'b'.repeat(64), reason: 'a second person', createdMs: 0 },
} as const
const secret = (name: string): Write => ({
  type: 'new-secret',
  record: { name, sealed: Buffer.from(name) },
})

/** What a second person's consent takes along with a change. */
function consentTo({ mine }: Opened, expect?: Expectation): Grantor {
  const entry = { ...auditEntry(), action: 'approval.carry-out' } as const
  const along = () => ({ put: [block], writes: [secret('along')], entries: [entry] })
  const consent: Consent = { along, isUsed: () => true, ...(expect && { expect }) }
  return { ...mine, onlyInstanceId: null, consent }
}

for (const [what, act, actions, secrets] of [
  [
    'puts rows',
    ({ core, a }: Opened, by: Grantor) => core.trust.instances.update(by, a.id, { cacheSeconds: 7 }),
    ['instance.set'],
    [],
  ],
  [
    'only removes rows',
    ({ core, a }: Opened, by: Grantor) => core.trust.clients.remove(by, a.id, 'vcenter'),
    ['client.remove'],
    [],
  ],
  [
    'has writes of its own',
    ({ core }: Opened, by: Grantor) => core.trust.tokens.recover(by, () => [secret('own')]),
    ['token.recover'],
    ['own'],
  ],
] as const)
  test(`a change that ${what} takes the consent to it along, in one commit`, async (t) => {
    const opened = await open(t)
    const { core, a, changes, entries } = opened
    await trustClient(core, a)
    changes.length = 0
    const before = await core.access.snapshot()
    await act(opened, consentTo(opened))
    assert.equal(changes.length, 1)
    assert.deepEqual(
      entries().map(({ action }) => action),
      [...actions, 'approval.carry-out'],
    )
    const { tables } = await core.access.snapshot()
    assert.deepEqual([...tables.block.values()], [block.value])
    for (const kind of ['instance', 'client', 'token'] as const) {
      const isChanged = actions[0].startsWith(kind)
      assert.equal(isDeepStrictEqual(tables[kind], before.tables[kind]), !isChanged, kind)
    }
    const names = (await core.store.secrets()).map(({ name }) => name)
    assert.deepEqual(
      ['own', 'along'].filter((name) => names.includes(name)),
      [...secrets, 'along'],
    )
  })

for (const [what, expects, error, tries, isRefused] of [
  ['objects that both people saw, and they have changed', true, 'object', 1, true],
  ['objects, and trust has changed', true, 'trust', conflictRetriesMax + 1, false],
  ['no objects, and some have changed', false, 'object', conflictRetriesMax + 1, false],
] as const)
  test(`a consent that expects ${what}: ${isRefused ? 'refused as not approved' : 'the conflict stands'}, tries: ${tries}`, async (t) => {
    const opened = await open(t)
    const { core, a, intercept, changes } = opened
    const objects = [{ instanceId: a.id, uniqueIdentifier: 'k', version: null }]
    const by = consentTo(opened, expects ? { objects } : undefined)
    const conflict = new StoreConflict(error, 'changed meanwhile')
    intercept(() => {
      throw conflict
    })
    await assert.rejects(core.trust.instances.update(by, a.id, { cacheSeconds: 7 }), (thrown) =>
      isRefused
        ? thrown instanceof TrustRefused &&
          thrown.why === 'in-use' &&
          /at the moment of the approval: changed meanwhile/.test(thrown.message)
        : thrown === conflict,
    )
    assert.equal(changes.length, tries)
    for (const { expect } of changes) assert.deepEqual(expect?.objects, expects ? objects : undefined)
  })
