// The states that the server reads with a stored login, and says as conditions: vcsim and the proxy before it, which sets them, and the
// readings under a clock that the test moves.

import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test, type TestContext } from 'node:test'
import { vcenterConditions, vcenterFacts } from '../../../src/features/vcenter/conditions.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { VcenterLogins } from '../../../src/features/vcenter/logins.ts'
import { machineStates } from '../../../src/features/vcenter/read-states.ts'
import { aboutVcenter, inSession } from '../../../src/features/vcenter/reach.ts'
import { Readings, readEveryMs } from '../../../src/features/vcenter/readings.ts'
import { Campaigns } from '../../../src/features/vcenter/rekey/campaigns.ts'
import { RekeyRunner } from '../../../src/features/vcenter/rekey/rekey-runner.ts'
import { Vcenters, type Vcenter } from '../../../src/features/vcenter/vcenters.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { until } from '../../support/time/until.ts'
import { addedEntry, knownVcenter } from '../../support/vcenter/known-vcenter.ts'
import { reportName } from '../../support/vcenter/client.ts'
import { reference, type Ref } from '../../support/vcenter/soap.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { element, typed } from '../../support/vcenter/xml.ts'
import { encrypt, ProxySite } from './proxy-site.ts'

const provider = { name: 'P', proof: 'key', connectedMs: 1 }

test(
  'machines that are locked are counted and named, until they are unlocked',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 4)
    if (!parts) return
    const { site, read, conditions } = parts
    await read()
    assert.deepEqual(await conditions(), [], 'vcsim tells no state of machines')
    const machines = await site.client.find('VirtualMachine')
    const [first] = machines
    assert.ok(first && machines.length === 8)
    for (const vm of machines.slice(1)) await site.vcenter.lock(vm)
    await read()
    const [locked, ...others] = await conditions()
    assert.match(
      locked ?? '',
      /^vcenter-machine-locked: 7 machines of the vCenter vc-1 of the instance red are locked: (?:DC0_\w+, ){5}and 2 more$/,
    )
    assert.deepEqual(others, [])
    for (const vm of machines) await site.vcenter.lock(vm, vm.value === first.value)
    await read()
    assert.match((await conditions()).join(), /: 1 machine of the vCenter vc-1 .* is locked: DC0_\w+$/)
    await site.vcenter.lock(first, false)
    await read()
    assert.deepEqual(await conditions(), [])
  },
)

test(
  'a host that runs an encrypted machine and does not get safe is named; one that runs none is not',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 1)
    if (!parts) return
    const { site, clock, read, conditions } = parts
    const vm = await site.firstVm()
    const host = await hostOf(site, vm)
    const name = (await site.client.properties(host, 'name')).get('name')?.text ?? ''
    await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId: await site.newKey(), providerId: 'P' })
    const readTwice = async () => {
      await read()
      clock.pass(readEveryMs)
      await read()
      return conditions()
    }
    assert.deepEqual(await readTwice(), [], 'the machine is off, and the host has no key')

    await site.client.task('PowerOnVM_Task', [], vm)
    await read()
    assert.deepEqual(await conditions(), [], 'the host may have just started')
    const notSafe = [
      `vcenter-host-not-safe: 1 host of the vCenter vc-1 of the instance red is not in encryption mode, and needs it: ${name}`,
    ]
    assert.deepEqual(await readTwice(), notSafe)
    const key = { keyId: await site.newKey(), providerId: 'P' }
    await site.vcenter.setHost(host, 'safe', key)
    await read()
    assert.deepEqual(await conditions(), [])

    await site.client.task('PowerOffVM_Task', [], vm)
    await site.vcenter.setHost(host, 'pendingIncapable', key)
    assert.deepEqual(await readTwice(), [], 'a person turned it off')
    await site.vcenter.setHost(host, 'prepared', key)
    assert.deepEqual(await readTwice(), notSafe, 'a host with a key')
  },
)

test(
  'a machine in which this server runs is not named while its key is of another key server',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 1)
    if (!parts) return
    const { site, read, conditions } = parts
    const vm = await site.firstVm()
    await reportName(site.client, vm, hostname())
    await read()
    assert.deepEqual(await conditions(), [], 'it is not encrypted')
    await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId: await site.newKey(), providerId: 'P' })
    await read()
    assert.deepEqual(await conditions(), [], 'its key is of another key server')
  },
)

test(
  'a machine of this server on an encrypted vSAN datastore needs its key to start, though it is not encrypted itself',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 1)
    if (!parts) return
    const { site, vcenter, logins } = parts
    const { client } = site
    const [cluster] = await client.find('ClusterComputeResource')
    assert.ok(cluster)
    const vsan = typed('spec', 'ClusterConfigSpecEx', [element('vsanConfig', [element('enabled', true)])])
    await client.task('ReconfigureComputeResource_Task', [vsan, element('modify', true)], cluster)
    const [own, other] = await client.find('VirtualMachine')
    assert.ok(own && other)
    const hosts = new Map([
      ['kms-1.example.com', 'this server'],
      ['vc.example.com', 'vCenter'],
    ])
    const needed = async (vsanKeys: ReadonlyMap<string, string>) => {
      const login = await logins.stored(vcenter)
      assert.ok(login)
      return inSession(vcenter, login, systemClock, async (session) => {
        const states = await machineStates(session, { hosts, vsanKeys }, t.signal)
        return states?.needed.map(({ part, key }) => `${part}: ${key}`)
      })
    }
    const encrypted = new Map([[cluster.value, 'key of the cluster']])
    await reportName(client, own, 'kms-1.example.com')
    assert.deepEqual(await needed(encrypted), [], 'it lies on another datastore')
    const datastore = await vsanDatastore(site)
    for (const vm of [own, other]) {
      const spec = element('spec', [reference('datastore', datastore)])
      await client.task('RelocateVM_Task', [spec], vm)
    }
    assert.deepEqual(await needed(encrypted), ['this server: key of the cluster'])
    assert.deepEqual(await needed(new Map()), [], 'the cluster is not encrypted')
    assert.deepEqual(await needed(new Map([['another-cluster', 'k']])), [])
    await reportName(client, own, 'vc.example.com')
    assert.deepEqual(await needed(encrypted), [], 'hosts fetch the keys of vSAN without vCenter')
  },
)

test(
  'a vCenter that tells no states is read, and raises nothing',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 1)
    if (!parts) return
    const { site, readings, vcenter, read, conditions } = parts
    await site.vcenter.lock(await site.firstVm())
    await read()
    assert.equal((await conditions()).length, 1)
    const login = await parts.logins.stored(vcenter)
    assert.ok(login)
    const fault = { on: 'CreateContainerView', kind: 'fault' } as const
    await inSession(vcenter, login, systemClock, async (session) => {
      const readStates = async () => {
        readings.states.noteMachines(
          vcenter,
          await machineStates(session, { hosts: new Map(), vsanKeys: new Map() }, t.signal),
        )
      }
      await site.vcenter.trouble({ ...fault, fault: 'NoPermission' })
      await assert.rejects(readStates(), /NoPermission|Permission/)
      assert.equal((await conditions()).length, 1, 'the former states stay')
      await site.vcenter.trouble({ ...fault, fault: 'InvalidProperty' })
      await readStates()
    })
    assert.deepEqual(await conditions(), [])
  },
)

test(
  'a key provider that is not green is named with what vCenter says; without the privilege nothing is known',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 1, { provider })
    if (!parts) return
    const { site, clock, read, conditions } = parts
    // The waits between two looks at vCenter's task.
    clock.passedSleepMs = 10_000
    const readTwice = async () => {
      for (const pauseMs of [readEveryMs, 0]) {
        await site.vcenter.forgetCalls()
        await read()
        await until(async () => (await site.vcenter.calls()).includes('Logout'))
        clock.pass(pauseMs)
      }
      return conditions()
    }
    assert.deepEqual(await readTwice(), [])
    const { admin } = site.mortise
    await admin.call(clientRoutes.removeClient, { instance: 'default', client: 'P' })
    const [notGreen, ...others] = await readTwice()
    assert.match(
      notGreen ?? '',
      /^vcenter-provider-not-green: the vCenter vc-1 .* for the key provider P; it says red; mortise: Cannot connect: .*, this server does not trust vCenter$/,
    )
    assert.deepEqual(others, [])
    await site.vcenter.lackPrivileges(['Cryptographer.ManageKeyServers'])
    assert.deepEqual(await readTwice(), [])
    await site.vcenter.lackPrivileges([])
    assert.deepEqual(await readTwice(), [notGreen])
    await site.trustClient(await site.certificateCall('RetrieveClientCert'), 'P')
    await site.vcenter.trouble({ on: 'RetrieveKmipServersStatus_Task', kind: 'reset-before', times: 2 })
    assert.deepEqual(await readTwice(), [notGreen], 'vCenter did not answer: the former state stays')
    assert.deepEqual(await readTwice(), [])
  },
)

test(
  'no reading waits for the status of a key provider, and neither does the stop',
  { timeout: vcsimTestTimeoutMs },
  async (t) => {
    const parts = await readVcenter(t, 1, { provider })
    if (!parts) return
    const { site, clock, readings, vcenter, read } = parts
    const status = 'RetrieveKmipServersStatus_Task'
    await site.vcenter.trouble({ on: status, kind: 'hang', times: null })
    const asked = async (count: number) =>
      until(async () => (await site.vcenter.calls()).filter((name) => name === status).length === count)
    await site.vcenter.forgetCalls()
    await read()
    assert.equal(readings.troubleOf(vcenter), undefined)
    await asked(1)
    clock.pass(1)
    await read()
    await until(async () => (await site.vcenter.calls()).includes('Logout'))
    await asked(1)
    await readings.stop()
    await until(async () => (await site.vcenter.calls()).filter((name) => name === 'Logout').length === 2)
  },
)

async function hostOf(site: ProxySite, vm: Ref): Promise<Ref> {
  const value = (await site.client.properties(vm, 'runtime.host')).get('runtime.host')?.text
  assert.ok(value)
  return { type: 'HostSystem', value }
}

async function vsanDatastore({ client }: ProxySite): Promise<Ref> {
  for (const datastore of await client.find('Datastore'))
    if ((await client.properties(datastore, 'summary.type')).get('summary.type')?.text === 'vsan')
      return datastore
  return assert.fail('vcsim has no vSAN datastore')
}

/** A vCenter whose machines are off and whose login is stored, and the readings of it in a server without the rest. */
async function readVcenter(t: TestContext, machines: number, more: Partial<Vcenter> = {}) {
  const site = await ProxySite.start(t, { arguments: ['-vm', String(machines), '-autostart=false'] })
  if (!site) return undefined
  await site.connect()
  const clock = new MovableClock()
  const door = await startDoor({ clock })
  t.after(() => door.close())
  const { secrets, access, audit, keys, leases, plugs, conditions } = door.context
  const vcenters = new Vcenters(secrets)
  const logins = new VcenterLogins(secrets, 'vcenter-login')
  const { host, port, username: user, password, shown } = site.vcenter
  const trust = { fingerprint: shown.sha256 }
  const about = await aboutVcenter({ host, port, trust }, systemClock)
  const place = { id: 'vcenter-1', instanceId: door.red.id, host, port, trust, user }
  const vcenter = knownVcenter('vc-1', { ...place, ...about, ...more })
  await vcenters.add(vcenter, new Set([door.red.id]), addedEntry(vcenter.id))
  await logins.put(vcenter, Buffer.from(password))
  const failed = (error: unknown) => void door.bugs.push(error)
  const readings = new Readings({ ...door.context, vcenters, logins, clock, failed })
  const campaigns = new Campaigns(secrets)
  const rekeys = new VcenterLogins(secrets, 'vcenter-rekey-login')
  const parts = { access, audit, clock, keys, leases, plugs, vcenters, campaigns, logins: rekeys, failed }
  const runner = new RekeyRunner(parts)
  t.after(() => readings.stop())
  return {
    site,
    clock,
    vcenter,
    logins,
    readings,
    read: () => readings.look(),
    conditions: async () => {
      const { common } = await conditions.gather()
      const facts = await vcenterFacts({ vcenters, logins, readings, campaigns, runner }, common)
      return Object.entries(vcenterConditions).flatMap(([id, { find }]) =>
        find(facts).map(({ message }) => `${id}: ${message}`),
      )
    },
  }
}
