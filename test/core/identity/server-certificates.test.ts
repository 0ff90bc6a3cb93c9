// Two nodes and the certificates of the KMIP listener: a switch on one is followed by the other, and both have the same ticket
// keys, which change every hour. The nodes are two views of one store.

import assert from 'node:assert/strict'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { certificateNamesMax } from '../../../src/base/bounds.ts'
import { scheduleCheckEveryMs } from '../../../src/core/identity/server-certificates.ts'
import { ticketKeysMs } from '../../../src/core/identity/ticket-keys.ts'
import { Secrets } from '../../../src/core/sealing/secrets.ts'
import { ServerCertificates } from '../../../src/core/identity/server-certificates.ts'
import { openServerIdentity } from '../../../src/core/identity/server-identity.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { openSqlite, storeFolder } from '../../support/store/store-place.ts'

test('a switch on one node is followed by the other within a minute, and neither undoes what the other staged', async (t) => {
  const { one, two, clock, pass } = await nodes(t)
  await pass(ticketKeysMs - (clock.now() % ticketKeysMs))
  const before = two.applied
  assert.equal(two.active(), one.active())
  await one.certificates.renew({ ...serverActor, requestId: null }, { now: true })
  assert.notEqual(two.active(), one.active())
  await pass(scheduleCheckEveryMs)
  assert.equal(two.active(), one.active())
  assert.equal(two.applied, before + 1)
  assert.deepEqual(two.certificates.shown, one.certificates.shown)
  await one.certificates.renew({ ...serverActor, requestId: null }, { now: false })
  await assert.rejects(
    two.certificates.renew({ ...serverActor, requestId: null }, { now: false }),
    /another certificate is staged/,
  )
  await two.certificates.activate({ ...serverActor, requestId: null }, { which: 'staged' })
  await pass(scheduleCheckEveryMs)
  assert.equal(one.active(), two.active())
  assert.equal(one.certificates.view().staged, null)
})

test('a switch and a discard concern the certificate that was looked at, and no other', async (t) => {
  const { one, two } = await nodes(t)
  const by = { ...serverActor, requestId: null }
  const stagedOf = ({ certificates }: typeof one) => certificates.view().staged?.certificate.sha256 ?? ''
  await one.certificates.renew(by, { now: false })
  const seen = stagedOf(one)
  const first = one.active()
  // Somebody else puts another one in its place.
  await two.certificates.discard(by, { sha256: seen })
  await two.certificates.renew(by, { now: false })
  const isOther = /is another one by now/
  await assert.rejects(one.certificates.activate(by, { which: 'staged', sha256: seen }), isOther)
  await assert.rejects(one.certificates.discard(by, { sha256: seen }), isOther)
  await one.certificates.activate(by, { which: 'staged', sha256: stagedOf(two) })
  // Two who go back at once go back once.
  const back = () => one.certificates.activate(by, { which: 'previous', sha256: first })
  await back()
  await assert.rejects(back(), isOther)
  assert.equal(one.active(), first)
})

test('changes on two nodes at once are made one after the other: none is lost, and a switch that is due happens once', async (t) => {
  const { one, two, store, clock, pass } = await nodes(t)
  const by = { ...serverActor, requestId: null }
  const atMs = clock.now() + scheduleCheckEveryMs
  await Promise.all([
    one.certificates.request(by, { replace: false }),
    two.certificates.renew(by, { now: false, atMs }),
  ])
  await pass(scheduleCheckEveryMs)
  await Promise.all([one, two].map(({ certificates }) => certificates.look()))
  for (const { certificates } of [one, two]) {
    const { request, previous, staged } = certificates.view()
    assert.deepEqual([request === null, previous === null, staged], [false, false, null])
  }
  assert.deepEqual(two.certificates.shown, one.certificates.shown)
  const { entries } = await store.audit({ action: 'server-cert.activate', order: 'newest', limit: 9 })
  assert.equal(entries.length, 1)
})

test('a switch that cannot be stored is tried again every minute, and not all the time', async (t) => {
  const errors: unknown[] = []
  const { one, store, clock, pass } = await nodes(t, ({ error }) => void errors.push(error))
  const atMs = clock.now() + 1000
  await one.certificates.renew({ ...serverActor, requestId: null }, { now: false, atMs })
  store.before = () => Promise.reject(new StoreUnavailable('full', 'the disk is full'))
  const commits = store.commits
  for (let times = 0; times < 10; times++) await pass(100 + 1000 * Number(times === 0))
  assert.equal(store.commits, commits + 1)
  assert.match(String(errors[0]), /the disk is full/)
  store.before = () => undefined
  await pass(scheduleCheckEveryMs)
  assert.equal(one.certificates.view().staged, null)
  assert.equal(errors.length, 1)
})

test('a certificate that the next start could not read is not staged', async (t) => {
  const { one, start } = await nodes(t)
  const label = 'a'.repeat(60)
  const names = Array.from(
    { length: certificateNamesMax },
    (_, at) => `n${at}.${label}.${label}.${label}.${label}`,
  )
  const renewed = one.certificates.renew({ ...serverActor, requestId: null }, { now: true, names })
  await assert.rejects(renewed, /larger than 64 KiB/)
  const next = await start()
  assert.equal(next.active(), one.active())
})

test('the ticket keys of all nodes are the same, stay the same for an hour, and then change on all', async (t) => {
  const { one, two, pass, clock } = await nodes(t)
  const keys = () => [one, two].map(({ certificates }) => certificates.shown.ticketKeys.toString('hex'))
  await pass(ticketKeysMs - (clock.now() % ticketKeysMs))
  const [first = '', same] = keys()
  assert.equal(first.length, 2 * 48)
  assert.equal(same, first)
  const before = [one.applied, two.applied]
  await pass(ticketKeysMs - scheduleCheckEveryMs)
  assert.deepEqual(keys(), [first, first])
  await pass(2 * scheduleCheckEveryMs)
  const [next, sameAgain] = keys()
  assert.notEqual(next, first)
  assert.equal(sameAgain, next)
  assert.deepEqual(
    [one.applied, two.applied],
    before.map((count) => count + 1),
    'the listeners are told once',
  )
})

async function nodes(
  t: TestContext,
  error: (about: { readonly error?: unknown }) => void = ({ error }) => assert.fail(String(error)),
) {
  const store = new StoreAround(await openSqlite(t, path.join(await storeFolder(t), 'mortise.db')))
  const clock = new MovableClock()
  // Far from a change of ticket keys, which the nodes notice with their next look, whatever the time of the test.
  clock.pass(1.5 * ticketKeysMs - (clock.now() % ticketKeysMs))
  const rootKey = new FaultyRootKey()
  const node = async () => {
    const secrets = await Secrets.open(store, rootKey)
    const identity = await openServerIdentity(secrets, [], clock.now())
    const log = { debug: quiet, info: quiet, warn: quiet, error }
    const certificates = await ServerCertificates.open({ secrets, clock, log, identity, names: () => [] })
    const made = { certificates, applied: 0, active: () => certificates.active.certificate.sha256 }
    certificates.start(async () => void made.applied++)
    t.after(() => certificates.stop())
    return made
  }
  const [one, two] = [await node(), await node()]
  /** Until each has looked. */
  const pass = async (ms: number) => {
    clock.pass(ms)
    for (const { certificates } of [one, two]) await certificates.settled()
    // Timers are set again only after that.
    await nextTurn()
  }
  return { one, two, store, clock, pass, start: node }
}

function quiet(): void {}
