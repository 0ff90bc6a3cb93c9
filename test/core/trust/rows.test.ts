// Trust rows against attackers who can write to the database (design: invariant 8): rows that they insert, alter, copy,
// put back or remove give nobody anything, raise an alarm, and do not count after the next legitimate change either.

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { RestoreNotAccepted } from '../../../src/core/server/anchor.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import { clientCertificate, makeCertificate, testVmca } from '../../support/certificates/certificates.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import {
  edit,
  peerOf,
  look,
  makeInstance,
  manager,
  openCore,
  openCoreWithClient,
  trustClient,
  type TestCore,
} from '../../support/server/core.ts'

const refused = (code: TrustRefused['why']) => (error: unknown) =>
  error instanceof TrustRefused && error.why === code

function putRow(file: string, row: Record<string, unknown>): void {
  const { kind, id, body, mac } = row as { kind: string; id: string; body: string; mac: Uint8Array }
  edit(file, 'INSERT OR REPLACE INTO trust (kind, id, body, mac) VALUES (?, ?, ?, ?)', kind, id, body, mac)
}

const rowsOf = (file: string) => look(file, 'SELECT kind, id, body, mac FROM trust ORDER BY kind, id')
const versionOf = (file: string) => Number(look(file, 'SELECT value FROM meta')[0]?.['value'])
/** An attacker changes the version, so that a running node reads the rows again. */
const moveVersion = (file: string, by: number) => edit(file, 'UPDATE meta SET value = value + ?', by)

const nobodysAct = {
  result: 'success',
  instanceId: null,
  object: null,
  reason: null,
  requestId: null,
  detail: null,
} as const

/** A stranger who wants to be a client, and the rows that would make it one. */
async function stranger(instanceId: string) {
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: 'mallory' })
  const client = { id: randomUUID(), instanceId, name: 'mallory', expiredGraceDays: null, createdMs: 1 }
  const { sha256, der } = identity.certificate
  const certificate = {
    id: sha256,
    clientId: client.id,
    instanceId,
    certificate: Buffer.from(der).toString('base64'),
    createdMs: 1,
  }
  const rows = [
    { kind: 'client', id: client.id, body: JSON.stringify(client) },
    { kind: 'certificate', id: sha256, body: JSON.stringify(certificate) },
  ]
  return { peer: peerOf(identity), rows, identity }
}

/** A legitimate change. The tampering must not count afterwards either. */
async function legitimateChange(core: TestCore): Promise<void> {
  await core.trust.tokens.create(serverActor, {
    name: 'x',
    role: 'viewer',
    instanceId: null,
    expiresMs: null,
  })
}

async function assertNotTrusted(core: TestCore, peer: Parameters<TestCore['access']['identify']>[0]) {
  // The store sees what strangers write in the next turn of the event loop.
  await nextTurn()
  assert.equal((await core.access.identify(peer)).trusted, false)
}

test('a client row added by hand grants nothing: while running, after a start, after a legitimate change', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const { peer, rows } = await stranger(instance.id)
  // With the MAC of a genuine row, since the attacker has no better one.
  const [{ mac } = {}] = look(core.file, `SELECT mac FROM trust WHERE kind = 'client'`)
  for (const row of rows) putRow(core.file, { ...row, mac })
  await legitimateChange(core)
  await assertNotTrusted(core, peer)
  assert.equal(core.alarms.length, 2)
  const again = await core.reopen()
  await assertNotTrusted(again, peer)
  assert.equal(again.alarms.length, 2, again.alarms.join('; '))
  await legitimateChange(again)
  await assertNotTrusted(again, peer)
  const third = await again.reopen()
  await assertNotTrusted(third, peer)
  assert.equal((await third.access.identify(peerOf(identity))).trusted, true)
})

test('a genuine row that was altered no longer counts', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const other = await makeInstance(core, 'other')
  const alter = (kind: string) =>
    edit(core.file, 'UPDATE trust SET body = replace(body, ?, ?) WHERE kind = ?', instance.id, other.id, kind)
  assert.equal(alter('client'), 1)
  const again = await core.reopen()
  await assertNotTrusted(again, peerOf(identity))
  assert.match(again.alarms.join(), /client\/.* was not written by this server, or was altered/)
  await legitimateChange(again)
  await assertNotTrusted(again, peerOf(identity))
})

test('settings of an instance that were changed by hand do not count', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  edit(core.file, `UPDATE trust SET body = replace(body, '"expiredGraceDays":30', '"expiredGraceDays":9999')`)
  const again = await core.reopen()
  assert.equal(await again.access.instance(instance.id), undefined)
  await assertNotTrusted(again, peerOf(identity))
  assert.ok(again.alarms.length > 0)
})

test('the audit log signs for no version of trust whose list of rows is not genuine', async (t) => {
  const { core } = await openCoreWithClient(t)
  const signed = async () => {
    await nextTurn()
    await core.access.check()
    await core.audit.enter({ ...nobodysAct, action: 'client.set' })
    await core.audit.checkpoint()
    return core.audit.signedTrustVersion()
  }
  const whole = versionOf(core.file)
  assert.equal(await signed(), whole)
  edit(core.file, `UPDATE trust SET mac = zeroblob(32) WHERE kind = 'head'`)
  moveVersion(core.file, 1)
  assert.equal(await signed(), whole)
})

test('a genuine row under another id or kind counts for nobody', async (t) => {
  const { core, identity } = await openCoreWithClient(t)
  const { identity: other } = await stranger('')
  const [genuine] = look(core.file, `SELECT * FROM trust WHERE kind = 'certificate'`)
  assert.equal(genuine?.['id'], identity.certificate.sha256)
  putRow(core.file, { ...genuine, id: other.certificate.sha256 })
  putRow(core.file, { ...genuine, kind: 'authority' })
  putRow(core.file, { ...genuine, kind: '__proto__' })
  putRow(core.file, { ...genuine, kind: 'constructor' })
  const again = await core.reopen()
  await assertNotTrusted(again, peerOf(other))
  assert.equal(again.alarms.length, 4)
  assert.equal((await again.access.identify(peerOf(identity))).trusted, true, 'the genuine one still counts')
})

test('a row that was put back after the client was removed counts as old', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const before = rowsOf(core.file).filter(({ kind }) => kind === 'client' || kind === 'certificate')
  await core.trust.clients.remove(manager, instance.id, 'vcenter')
  for (const row of before) putRow(core.file, row)
  const again = await core.reopen()
  await assertNotTrusted(again, peerOf(identity))
  assert.match(again.alarms.join(), /older one that was put back/)
  await legitimateChange(again)
  await assertNotTrusted(await again.reopen(), peerOf(identity))
})

test('with an older list of trusted rows, put back with its rows, nothing counts and nothing can be changed', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const before = rowsOf(core.file)
  await core.trust.clients.remove(manager, instance.id, 'vcenter')
  for (const row of before) putRow(core.file, row)
  const again = await core.reopen()
  await assertNotTrusted(again, peerOf(identity))
  assert.deepEqual(await again.access.instances(), [])
  assert.equal((await again.access.snapshot()).intact, false)
  assert.deepEqual(again.alarms, [
    'the list of trusted rows is an older one that was put back: no client, token or instance counts',
  ])
  await assert.rejects(legitimateChange(again), refused('damaged'))
})

test('with a version changed by hand nothing counts and nothing can be changed, until it is set right', async (t) => {
  for (const by of [1, 1000, -1]) {
    const { core, identity } = await openCoreWithClient(t)
    moveVersion(core.file, by)
    await assertNotTrusted(core, peerOf(identity))
    await assert.rejects(legitimateChange(core), refused('damaged'), `by ${by}`)
    moveVersion(core.file, -by)
    const again = await core.reopen()
    assert.equal((await again.access.identify(peerOf(identity))).trusted, true)
    moveVersion(core.file, by)
    if (by < 0) {
      await assert.rejects(again.reopen(), RestoreNotAccepted, 'its anchor knows a newer version')
      continue
    }
    const moved = await again.reopen()
    await assertNotTrusted(moved, peerOf(identity))
    await assert.rejects(legitimateChange(moved), refused('damaged'), `by ${by}`)
  }
})

test('a database set back while the server runs is noticed, and nothing of it can be changed', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const [before, version] = [rowsOf(core.file), versionOf(core.file)]
  await core.trust.clients.remove(manager, instance.id, 'vcenter')
  await assertNotTrusted(core, peerOf(identity))
  const { version: newest } = await core.access.snapshot()
  edit(core.file, 'DELETE FROM trust')
  for (const row of before) putRow(core.file, row)
  for (const set of [version, 0]) {
    moveVersion(core.file, set - versionOf(core.file))
    await assertNotTrusted(core, peerOf(identity))
    assert.match(core.alarms.join(), /set back to an older state/)
    await assert.rejects(legitimateChange(core), refused('damaged'), `at version ${set}`)
    await assert.rejects(makeInstance(core, 'new'), refused('damaged'), `at version ${set}`)
  }
  assert.ok(newest > version)
})

test('the list deleted, altered or replaced: nothing counts, nothing can be changed', async (t: TestContext) => {
  const { core, identity } = await openCoreWithClient(t)
  const head = look(core.file, `SELECT * FROM trust WHERE kind = 'head'`)[0]
  const ways: Record<string, () => void> = {
    deleted: () => edit(core.file, `DELETE FROM trust WHERE kind = 'head'`),
    altered: () => putRow(core.file, { ...head, body: `${String(head?.['body'])} ` }),
    replaced: () => putRow(core.file, { ...head, mac: Buffer.alloc(32) }),
    'under another id': () => {
      edit(core.file, `DELETE FROM trust WHERE kind = 'head'`)
      putRow(core.file, { ...head, id: 'other' })
    },
  }
  let running = core
  for (const [way, tamper] of Object.entries(ways)) {
    tamper()
    running = await running.reopen()
    await assertNotTrusted(running, peerOf(identity))
    assert.match(running.alarms.join(), /list of trusted rows is missing or was altered/, way)
    await assert.rejects(legitimateChange(running), refused('damaged'), way)
    await assert.rejects(makeInstance(running, 'new'), refused('damaged'), way)
    edit(running.file, `DELETE FROM trust WHERE kind = 'head'`)
    putRow(running.file, { ...head })
  }
  running = await running.reopen()
  assert.equal(
    (await running.access.identify(peerOf(identity))).trusted,
    true,
    'the genuine one was put back',
  )
})

test('a token row with an attacker’s own hash is no token', async (t) => {
  const core = await openCore(t)
  await makeInstance(core)
  const { bearer, token } = await core.trust.tokens.create(serverActor, {
    name: 'genuine',
    role: 'viewer',
    instanceId: null,
    expiresMs: null,
  })
  const [row] = look(core.file, `SELECT * FROM trust WHERE kind = 'token'`)
  const own = createHash('sha256').update('my own').digest('hex')
  const forged = { ...token, id: 'forged', role: 'manager', sha256: own }
  putRow(core.file, { ...row, id: 'forged', body: JSON.stringify(forged) })
  const again = await core.reopen()
  assert.equal(await again.access.token('my own'), undefined)
  assert.equal((await again.access.token(bearer))?.role, 'viewer')
  edit(core.file, `UPDATE trust SET body = replace(body, 'viewer', 'manager') WHERE id = ?`, token.id)
  const third = await again.reopen()
  assert.equal(await third.access.token(bearer), undefined, 'a token does not make itself a manager')
  assert.equal(third.alarms.length, 2)
})

test('a block that was removed or altered by hand still blocks, also after a legitimate change', async (t) => {
  for (const way of ['DELETE FROM trust', `UPDATE trust SET body = body || ' '`]) {
    const { core, instance, identity } = await openCoreWithClient(t)
    const peer = peerOf(identity)
    await core.trust.clients.block(serverActor, identity.certificate.sha256, 'stolen', instance.id)
    assert.equal(edit(core.file, `${way} WHERE kind = 'block'`), 1)
    let running = await core.reopen()
    await assertNotTrusted(running, peer)
    assert.equal(running.alarms.length, 1, running.alarms.join('; '))
    await legitimateChange(running)
    running = await running.reopen()
    await assertNotTrusted(running, peer)
    assert.equal(running.alarms.length, 1, 'it is raised again at each start')
    // An administrator lifts it by trusting the certificate again.
    await trustClient(running, instance, 'vcenter', identity)
    assert.equal((await running.access.identify(peer)).trusted, true)
    assert.deepEqual((await running.reopen()).alarms, [])
  }
})

test('removing a pin by hand does not move its certificate to another instance', async (t) => {
  const core = await openCore(t)
  const [mine, other] = [await makeInstance(core, 'mine'), await makeInstance(core, 'other')]
  const ca = await testVmca()
  const identity = await clientCertificate('vmca-signed')
  await trustClient(core, mine, 'vcenter', identity)
  const wanted = { instanceId: other.id, name: 'ca', ca: ca.certificate, subject: 'kmipClient*' }
  await core.trust.clients.trustAuthority(manager, { ...wanted, leavePinned: true })
  const result = await core.access.identify(peerOf(identity))
  assert.ok(result.trusted && result.instance.id === mine.id, 'a pin wins over a CA')
  edit(core.file, `DELETE FROM trust WHERE kind = 'certificate'`)
  let running = await core.reopen()
  await assertNotTrusted(running, peerOf(identity))
  await legitimateChange(running)
  running = await running.reopen()
  await assertNotTrusted(running, peerOf(identity))
  // An administrator sets it right.
  await trustClient(running, mine, 'vcenter', identity)
  const again = await running.access.identify(peerOf(identity))
  assert.ok(again.trusted && again.instance.id === mine.id)
  assert.deepEqual((await running.reopen()).alarms, [])
})

test('rows removed by hand are reported, and no other row is affected', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const { identity: second } = await trustClient(core, instance, 'second')
  edit(core.file, `DELETE FROM trust WHERE kind = 'client' AND body LIKE '%vcenter%'`)
  const again = await core.reopen()
  await assertNotTrusted(again, peerOf(identity))
  assert.equal((await again.access.identify(peerOf(second))).trusted, true)
  assert.match(again.alarms.join(), /was removed from the database by hand/)
})

test('each alarm is raised once while the server runs', async (t) => {
  const { core, instance } = await openCoreWithClient(t)
  const { rows } = await stranger(instance.id)
  for (const row of rows) putRow(core.file, { ...row, mac: Buffer.alloc(32) })
  for (let i = 0; i < 3; i++) {
    await legitimateChange(core)
    await core.access.snapshot()
  }
  assert.equal(core.alarms.length, 2)
})

test('two reads that overtake each other do not look like a database that was set back', async (t) => {
  let around: StoreAround | undefined
  const { core, instance, identity } = await openCoreWithClient(t, {
    wrap: (store) => (around = new StoreAround(store)),
  })
  assert.ok(around)
  const store = around
  // The first read after a change is slow: it has the rows already, and returns them only after a newer read.
  const { promise, resolve } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  store.after = () => {
    store.after = () => undefined
    store.trustRead = () => {
      store.trustRead = () => undefined
      begun.resolve()
      return promise
    }
  }
  await legitimateChange(core)
  const slow = core.access.identify(peerOf(identity))
  await begun.promise
  await trustClient(core, instance, 'second')
  await core.access.snapshot()
  resolve()
  assert.equal((await slow).trusted, true)
  assert.deepEqual(core.alarms, [])
  // The older read does not make it forget the newer version either.
  moveVersion(core.file, -1)
  await assertNotTrusted(core, peerOf(identity))
  assert.match(core.alarms.join(), /set back to an older state/)
})
