// The inventory that the server reads by itself, with a stored login: vcsim and the proxy before it, a whole Mortise server, and the
// readings alone under a clock that the test moves.

import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test, type TestContext } from 'node:test'
import { inventoryRoutes } from '../../../src/features/inventory/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'
import { VcenterLogins } from '../../../src/features/vcenter/logins.ts'
import { importEveryMs, Readings, readEveryMs } from '../../../src/features/vcenter/readings.ts'
import { aboutVcenter } from '../../../src/features/vcenter/reach.ts'
import { vcenterRoutes } from '../../../src/features/vcenter/routes.ts'
import { Vcenters } from '../../../src/features/vcenter/vcenters.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { until } from '../../support/time/until.ts'
import { reportName } from '../../support/vcenter/client.ts'
import { addedEntry, knownVcenter } from '../../support/vcenter/known-vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { encrypt, ProxySite, type CryptoKind } from './proxy-site.ts'

async function siteWithMachine(t: TestContext): Promise<ProxySite | undefined> {
  const site = await ProxySite.start(t, { arguments: ['-vm', '1', '-autostart=false'] })
  if (!site) return undefined
  await site.connect()
  return site
}

/** Gives each machine a new key. */
async function newKeys(site: ProxySite, kind: CryptoKind): Promise<void> {
  for (const vm of await site.client.find('VirtualMachine'))
    await encrypt(site, vm, kind, { keyId: await site.newKey(), providerId: 'P' })
}

test(
  'a server reads a vCenter as soon as its login is stored',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const site = await siteWithMachine(t)
    if (!site) return
    await newKeys(site, 'CryptoSpecEncrypt')
    const { vcenter, mortise } = site
    const { admin } = mortise
    const instance = 'default'
    const body = {
      host: `${vcenter.host}:${vcenter.port}`,
      name: 'vc-1',
      trust: { fingerprint: vcenter.shown.sha256 },
      login: { user: vcenter.username, password: vcenter.password },
    }
    await admin.call(vcenterRoutes.addVcenter, { instance, body })
    const shown = () => admin.call(inventoryRoutes.showInventory, { instance })
    await until(async () => (await shown()).machines > 0)
    const { inventories, missing } = await shown()
    assert.deepEqual(
      inventories.map((one) => one.vcenter),
      ['vc-1'],
    )
    assert.equal(missing, 0)

    const conditions = async () => {
      const status = await admin.call(statusRoutes.status)
      return status.conditions
        .filter(({ id }) => id.startsWith('vcenter-'))
        .map(({ id, message }) => `${id}: ${message}`)
    }
    assert.deepEqual(await conditions(), [])
    await vcenter.trouble({ on: 'CreateContainerView', kind: 'fault' })
    await admin.call(vcenterRoutes.setVcenter, { instance, vcenter: 'vc-1', body: { login: body.login } })
    await until(async () => (await conditions()).length > 0)
    assert.match(
      (await conditions()).join('\n'),
      /^vcenter-not-read: the vCenter vc-1 of the instance default was not read at .*CreateContainerView/,
    )
  },
)

test(
  'a machine in which the server itself runs, with a key of the server, is named',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const site = await siteWithMachine(t)
    if (!site) return
    await newKeys(site, 'CryptoSpecEncrypt')
    const vm = await site.firstVm()
    await reportName(site.client, vm, hostname())
    const { vcenter } = site
    const { admin } = site.mortise
    const body = {
      host: `${vcenter.host}:${vcenter.port}`,
      name: 'vc-1',
      trust: { fingerprint: vcenter.shown.sha256 },
      login: { user: vcenter.username, password: vcenter.password },
    }
    await admin.call(vcenterRoutes.addVcenter, { instance: 'default', body })
    const found = async () => {
      const { conditions } = await admin.call(statusRoutes.status)
      return conditions.find(({ id }) => id === 'vcenter-needs-own-key')
    }
    await until(async () => (await found()) !== undefined)
    const { severity, message } = (await found()) ?? {}
    const name = (await site.client.properties(vm, 'name')).get('name')?.text ?? ''
    assert.equal(severity, 'critical')
    assert.equal(
      message,
      `1 machine of the vCenter vc-1 of the instance default needs a key of this server to start, and is needed to start it: ${name} (this server)`,
    )
  },
)

test(
  'a machine that is recrypted shows its new key in the inventory of a running server seconds later',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const site = await siteWithMachine(t)
    if (!site) return
    const { vcenter, mortise } = site
    const { admin } = mortise
    const vm = await site.firstVm()
    const first = await site.newKey()
    await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId: first, providerId: 'P' })
    const instance = 'default'
    const body = {
      host: `${vcenter.host}:${vcenter.port}`,
      trust: { fingerprint: vcenter.shown.sha256 },
      login: { user: vcenter.username, password: vcenter.password },
    }
    await vcenter.forgetCalls()
    await admin.call(vcenterRoutes.addVcenter, { instance, body })
    const polls = async () => (await vcenter.calls()).filter((name) => name === 'WaitForUpdatesEx').length
    await until(async () => (await polls()) >= 2)
    const isUsed = async (key: string) => {
      const { usedBy } = await admin.call(keyRoutes.showKey, { instance, key })
      return usedBy !== null && usedBy.machines > 0
    }
    await until(() => isUsed(first))
    for (let round = 0; round < 2; round++) {
      const key = await site.newKey()
      await encrypt(site, vm, 'CryptoSpecShallowRecrypt', { keyId: key, providerId: 'P' })
      await until(() => isUsed(key), 'the new key is shown', readEveryMs / 5)
      assert.equal(await isUsed(first), false)
    }
    await vcenter.endSessions()
    await site.logInAgain()
    const key = await site.newKey()
    await encrypt(site, vm, 'CryptoSpecShallowRecrypt', { keyId: key, providerId: 'P' })
    await until(() => isUsed(key), 'the new key is shown after another login', readEveryMs / 5)
  },
)

test(
  'an inventory that did not change is written once an hour; one that changed, at once',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readingsOf(t)
    if (!parts) return
    const { site, readings, clock, inventories } = parts
    await readings.look()
    assert.deepEqual(await inventories(), [], 'no machine is encrypted: an empty inventory is not imported')
    assert.equal(parts.trouble(), undefined)
    await newKeys(site, 'CryptoSpecEncrypt')

    readings.start()
    t.after(() => readings.stop())
    await readings.look()
    const [first] = await inventories()
    assert.ok(first && first.rows > 0 && first.vcenter === 'vc-1')
    clock.pass(readEveryMs)
    await readings.look()
    assert.deepEqual(await inventories(), [first])
    clock.pass(importEveryMs)
    await readings.look()
    const [second] = await inventories()
    assert.ok(second && second.id !== first.id && second.takenMs > first.takenMs)

    await newKeys(site, 'CryptoSpecShallowRecrypt')
    clock.pass(readEveryMs)
    await readings.look()
    const [third] = await inventories()
    assert.ok(third && third.id !== second.id)
  },
)

test(
  'a vCenter that is not read says why; a password that it refuses is tried once',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readingsOf(t)
    if (!parts) return
    const { site, readings, logins, vcenter } = parts
    await newKeys(site, 'CryptoSpecEncrypt')
    await site.vcenter.forgetCalls()
    await parts.onOtherNode.look()
    assert.deepEqual(await site.vcenter.calls(), [], 'a node without the lease asks nothing')
    await site.vcenter.trouble({ on: 'CreateContainerView', kind: 'fault' })
    await readings.look()
    assert.match(parts.trouble()?.message ?? '', /vCenter refuses CreateContainerView/)
    assert.deepEqual(await parts.inventories(), [])
    await readings.look()
    assert.equal(parts.trouble(), undefined)
    const [read] = await parts.inventories()
    assert.ok(read)

    await logins.put(vcenter, Buffer.from('not the password'))
    await site.vcenter.forgetCalls()
    await readings.look()
    assert.match(parts.trouble()?.message ?? '', /InvalidLogin/)
    assert.equal(await logins.isStored(vcenter), false)
    await readings.look()
    assert.equal((await site.vcenter.calls()).filter((call) => call === 'Login').length, 1)
    assert.deepEqual(await parts.inventories(), [read])
  },
)

/** The readings of one vCenter, whose right password is stored, in a server without the rest. */
async function readingsOf(t: TestContext) {
  const site = await siteWithMachine(t)
  if (!site) return undefined
  const clock = new MovableClock()
  const door = await startDoor({ clock })
  t.after(() => door.close())
  const { secrets, leases } = door.context
  const vcenters = new Vcenters(secrets)
  const logins = new VcenterLogins(secrets, 'vcenter-login')
  const { host, port, username: user, password, shown } = site.vcenter
  const trust = { fingerprint: shown.sha256 }
  const about = await aboutVcenter({ host, port, trust }, systemClock)
  const place = { id: 'vcenter-1', instanceId: door.red.id, host, port, trust, user }
  const vcenter = knownVcenter('vc-1', { ...place, ...about })
  await vcenters.add(vcenter, new Set([door.red.id]), addedEntry(vcenter.id))
  await logins.put(vcenter, Buffer.from(password))
  const failed = (error: unknown) => void door.bugs.push(error)
  const readingParts = { ...door.context, vcenters, logins, clock, failed }
  const readings = new Readings(readingParts)
  const elsewhere = { hold: async () => undefined, nodes: () => leases.nodes() }
  const onOtherNode = new Readings({ ...readingParts, leases: elsewhere })
  return {
    site,
    clock,
    vcenter,
    logins,
    readings,
    onOtherNode,
    trouble: () => readings.troubleOf(vcenter),
    inventories: () => door.context.inventories.list(door.red.id),
  }
}
