// Following vCenters: a change is read at once and not too often, and everything that ends it, against a server that answers as the
// test says.

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { compareEveryMs, followEveryMs, VcenterFollowers } from '../../../src/features/vcenter/following.ts'
import { VcenterLogins } from '../../../src/features/vcenter/logins.ts'
import { Readings } from '../../../src/features/vcenter/readings.ts'
import { Vcenters } from '../../../src/features/vcenter/vcenters.ts'
import { answer, ApiServer, fault, type ApiReply } from '../../outside/vsphere-api/api-server.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { until } from '../../support/time/until.ts'
import { addedEntry, knownVcenter } from '../../support/vcenter/known-vcenter.ts'

const poll = 'WaitForUpdatesEx'
const passMsMax = 60_000

function propSet(name: string, value: string): string {
  return `<propSet><name>${name}</name><val>${value}</val></propSet>`
}

function objects(type: string, id: string, ...sets: readonly string[]): string {
  return `<returnval><objects><obj type="${type}">${id}</obj>${sets.join('')}</objects></returnval>`
}

/** A vCenter with one machine, whose key is `key`, one cluster, whose key is `kek`, and changes that the test sends. */
async function startVcenter(t: TestContext) {
  const state = { key: 'key-1', kek: 'kek-1', polls: 0 }
  const waiting: ServerResponse[] = []
  const retrieve: ApiReply = (response, { name, body }) => {
    const machine = objects(
      'VirtualMachine',
      'vm-1',
      propSet('name', 'web'),
      propSet('config.keyId', `<keyId>${state.key}</keyId>`),
    )
    const cluster = objects('ClusterComputeResource', 'domain-c1', propSet('name', 'cluster'))
    const isOf = (type: string) => body.includes(`<propSet><type>${type}</type>`)
    response.end(
      answer(name, isOf('VirtualMachine') ? machine : isOf('ClusterComputeResource') ? cluster : ''),
    )
  }
  const server = await ApiServer.start(t, {
    CreatePropertyCollector: '<returnval type="PropertyCollector">own</returnval>',
    DestroyPropertyCollector: '',
    CreateContainerView: '<returnval type="ContainerView">view-1</returnval>',
    DestroyView: '',
    CreateFilter: '<returnval type="PropertyFilter">filter-1</returnval>',
    RetrievePropertiesEx: retrieve,
    VsanClusterGetConfig: (response, { name }) =>
      response.end(
        answer(
          name,
          `<returnval><dataEncryptionConfig><kekId>${state.kek}</kekId></dataEncryptionConfig></returnval>`,
        ),
      ),
    [poll]: (response, { body }) => {
      state.polls++
      if (body.includes('<version></version>')) response.end(changed())
      else waiting.push(response)
    },
  })
  return { server, state, waiting }
}

function changed(): string {
  return answer(
    poll,
    '<returnval><version>v</version><filterSet><objectSet><kind>modify</kind><obj type="VirtualMachine">vm-1</obj>' +
      '<changeSet><name>config.keyId</name><val><keyId>k</keyId></val></changeSet></objectSet></filterSet></returnval>',
  )
}

/** A server that follows this vCenter; its clock stands still between the steps of the test. */
async function siteOf(t: TestContext) {
  const vcenter = await startVcenter(t)
  const { clock, address, identity, calls } = vcenter.server
  const door = await startDoor({ clock })
  t.after(() => door.close())
  const { secrets, leases: own } = door.context
  const vcenters = new Vcenters(secrets)
  const logins = new VcenterLogins(secrets, 'vcenter-login')
  const trust = { fingerprint: identity.certificate.sha256 }
  const known = knownVcenter('vc-1', {
    ...address,
    trust,
    instanceId: door.red.id,
    instanceUuid: 'uuid-1',
    user: 'u',
  })
  await vcenters.add(known, new Set([door.red.id]), addedEntry(known.id))
  await logins.put(known, Buffer.from('p'))
  const lease = { isElsewhere: false }
  const leases = {
    hold: async (name: string) => (lease.isElsewhere ? undefined : own.hold(name)),
    nodes: () => own.nodes(),
  }
  const reported: string[] = []
  const failed = (error: unknown) => void reported.push(String(error))
  const readings = new Readings({ ...door.context, vcenters, logins, clock, leases, failed })
  const following = new VcenterFollowers({ readings, logins, clock, leases, failed })
  t.after(() => following.stop())
  return {
    ...vcenter,
    clock,
    vcenters,
    logins,
    known,
    lease,
    readings,
    following,
    reported,
    count: (name: string) => calls.filter((call) => call.name === name).length,
    /** Whole readings that began. */
    readingsBegun: () =>
      calls.filter(
        ({ name, body }) => name === 'RetrievePropertiesEx' && body.includes('config.hardware.device'),
      ).length,
    keys: async () => {
      const [inventory] = await door.context.inventories.list(door.red.id)
      const rows = inventory ? await door.store.inventoryRows({ id: inventory.id, limit: 10 }) : []
      return rows.map(({ key }) => key)
    },
    /** Lets time pass until it is so, slowly enough for answers to come in time. */
    passUntil: async (holds: () => boolean | Promise<boolean>) => {
      const untilMs = performance.now() + passMsMax
      while (!(await holds())) {
        assert.ok(performance.now() < untilMs, `it did not come to that: ${String(holds)}`)
        clock.pass(20)
        await sleep(2)
      }
    },
  }
}

/** Follows, and has read once. */
async function followed(t: TestContext) {
  const site = await siteOf(t)
  site.following.start()
  site.clock.pass(followEveryMs)
  await site.passUntil(async () => (await site.keys()).length === 2)
  await site.passUntil(() => site.waiting.length > 0)
  return site
}

test('a changed key is in the inventory seconds later', async (t) => {
  const site = await followed(t)
  assert.deepEqual(await site.keys(), ['kek-1', 'key-1'])
  const fromMs = site.clock.monotonic()
  site.state.key = 'key-2'
  site.waiting.shift()?.end(changed())
  await site.passUntil(async () => (await site.keys()).includes('key-2'))
  assert.ok(site.clock.monotonic() - fromMs < compareEveryMs, 'the change was told, and not found by a look')
  assert.equal(site.readingsBegun(), 2)
  assert.equal(site.count('Login'), 1, 'it reads in the session that follows')
  assert.deepEqual(site.reported, [])
})

test('keys of vSAN are compared every minute, and a comparison that fails leads to a whole reading', async (t) => {
  const site = await followed(t)
  const minute = async () => {
    const before = site.count('VsanClusterGetConfig')
    site.waiting.shift()?.end(answer(poll, ''))
    await site.passUntil(() => site.waiting.length > 0)
    site.clock.pass(compareEveryMs)
    await site.passUntil(() => site.count('VsanClusterGetConfig') > before)
  }
  await minute()
  await minute()
  site.state.kek = 'kek-2'
  await minute()
  await site.passUntil(async () => (await site.keys()).includes('kek-2'))
  assert.equal(site.readingsBegun(), 2, 'where nothing changed, nothing else was read')
  const { replies } = site.server
  site.server.replies = { ...replies, VsanClusterGetConfig: fault('RuntimeFault', 'no') }
  await minute()
  await site.passUntil(() => site.readings.troubleOf(site.known) !== undefined)
  site.server.replies = replies
  await minute()
  await site.passUntil(() => site.readings.troubleOf(site.known) === undefined)
  assert.equal(site.count('Login'), 1)
})

test('a vCenter whose changes never end is asked once a second, and read after a pause', async (t) => {
  const site = await siteOf(t)
  const endless: ApiReply = (response) => {
    site.state.polls++
    response.end(changed())
  }
  site.server.replies = { ...site.server.replies, [poll]: endless }
  await site.following.look()
  const fromMs = site.clock.monotonic()
  await site.passUntil(() => site.readingsBegun() === 4)
  const tookMs = site.clock.monotonic() - fromMs
  assert.ok(tookMs >= 3 * 2_000, `4 readings within ${tookMs} ms`)
  assert.ok(site.state.polls <= tookMs / 1_000 + 1, `${site.state.polls} polls within ${tookMs} ms`)
})

test('a session that ends, and a vCenter that has started again, are followed again', async (t) => {
  const site = await followed(t)
  for (const [index, name] of ['NotAuthenticated', 'InvalidCollectorVersion'].entries()) {
    const refuse = fault(name, 'no')
    const response = site.waiting.shift()
    assert.ok(response && typeof refuse !== 'string')
    site.state.key = `key of session ${index}`
    refuse(response, { name: poll, body: '', cookie: undefined, action: undefined })
    await site.passUntil(async () => (await site.keys()).includes(site.state.key))
    assert.equal(site.count('Login'), index + 2)
    await site.passUntil(() => site.waiting.length > 0)
  }
  site.waiting.shift()?.destroy()
  await site.passUntil(() => site.waiting.length > 0)
  assert.equal(site.count('Login'), 4)
  assert.equal(site.reported.length, 1, site.reported.join())
  assert.match(site.reported[0] ?? '', /follow the vCenter vc-1/)
})

test('a refused password ends it, and is tried once by all that read', async (t) => {
  const site = await followed(t)
  const { replies } = site.server
  const logins: ServerResponse[] = []
  site.server.replies = {
    ...replies,
    VsanClusterGetConfig: fault('NotAuthenticated', 'no'),
    Login: (response) => logins.push(response),
  }
  site.waiting.shift()?.end(changed())
  await site.passUntil(() => site.readings.troubleOf(site.known) !== undefined)
  assert.deepEqual(logins, [], 'the session that follows has no password')
  // The reading of every four minutes comes first, and following waits for it with its own login.
  const look = site.readings.look()
  await until(() => logins.length === 1)
  for (const response of site.waiting.splice(0)) response.destroy()
  const fromMs = site.clock.monotonic()
  await site.passUntil(() => site.clock.monotonic() - fromMs > 8_000)
  const refuse = fault('InvalidLogin', 'no')
  assert.ok(typeof refuse !== 'string')
  for (const response of logins)
    refuse(response, { name: 'Login', body: '', cookie: undefined, action: undefined })
  await look
  assert.equal(await site.logins.isStored(site.known), false)
  await site.following.look()
  site.clock.pass(600_000)
  await site.following.look()
  assert.equal(site.count('Login'), 2)
  assert.match(site.readings.troubleOf(site.known)?.message ?? '', /InvalidLogin/)

  site.server.replies = replies
  await site.logins.put(site.known, Buffer.from('p'))
  await site.following.look()
  await site.passUntil(() => site.waiting.length > 0)
  assert.equal(site.count('Login'), 3)
})

test('it ends where it is not due: no lease, no login, no vCenter; a new name begins it again', async (t) => {
  const site = await followed(t)
  const ends = async (logouts: number) => {
    await site.following.look()
    await until(() => site.count('Logout') === logouts)
    site.waiting.length = 0
  }
  const begins = async () => {
    await site.following.look()
    await site.passUntil(() => site.waiting.length > 0)
  }
  site.lease.isElsewhere = true
  await ends(1)
  site.lease.isElsewhere = false
  await begins()
  await site.logins.remove(site.known.id)
  await ends(2)
  await site.logins.put(site.known, Buffer.from('p'))
  await begins()
  await site.vcenters.set(site.known, { name: 'vc-2' }, addedEntry(site.known.id))
  await ends(3)
  await site.passUntil(() => site.waiting.length > 0)
  await site.vcenters.remove(site.known, addedEntry(site.known.id))
  await ends(4)
  assert.equal(site.count('Login'), 4)
  assert.deepEqual(site.reported, [])
})

test('the stop waits for no change, and a moment for a vCenter that does not answer', async (t) => {
  const site = await followed(t)
  await site.following.stop()
  assert.equal(site.count('Logout'), 1)
  await site.following.look()
  assert.equal(site.count('Login'), 1, 'it begins nothing after the stop')

  const deaf = await followed(t)
  deaf.server.replies = { ...deaf.server.replies, Logout: () => undefined }
  const stopped = deaf.following.stop()
  await until(() => deaf.count('Logout') === 1)
  deaf.clock.pass(2_000)
  await stopped
})
