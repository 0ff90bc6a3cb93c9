// A model of a vCenter with 5,000 machines, 200 hosts and 20 vSAN clusters: all of it is read once, and a plan for all of it is made, in
// memory that does not grow with what was read.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { keyRows } from '../../../src/features/vcenter/machines.ts'
import { countsOf } from '../../../src/features/vcenter/rekey/campaign.ts'
import { plannedItems } from '../../../src/features/vcenter/rekey/planning.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { answer, ApiServer, type ApiCall } from '../../outside/vsphere-api/api-server.ts'

const [machines, hosts, clusters, pageObjects] = [5_000, 200, 20, 500]
const megabyte = 1024 * 1024

const value = (name: string, xml: string, type = ''): string =>
  `<propSet><name>${name}</name><val${type}>${xml}</val></propSet>`
const keyId = (key: string, name = 'keyId'): string =>
  `<${name}><keyId>${key}</keyId><providerId><id>P</id></providerId></${name}>`

/** Every tenth machine has no key, every hundredth is a template. */
function machine(number: number): string {
  const isEncrypted = number % 10 !== 0
  const disk = `<VirtualDevice xsi:type="VirtualDisk"><key>2000</key><deviceInfo><label>Hard disk 1</label><summary>41,943,040 KB</summary></deviceInfo><backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ds] m-${number}/m-${number}.vmdk</fileName>${isEncrypted ? keyId(`k-${number}`) : ''}</backing><controllerKey>1000</controllerKey></VirtualDevice>`
  const others = Array.from(
    { length: 8 },
    (_, device) =>
      `<VirtualDevice xsi:type="VirtualSerialPort"><key>${device}</key><deviceInfo><label>Serial ${device}</label></deviceInfo></VirtualDevice>`,
  )
  return [
    `<objects><obj type="VirtualMachine">vm-${number}</obj>`,
    value('name', `machine ${number}`),
    value('config.changeVersion', '1'),
    value('config.template', String(number % 100 === 1)),
    isEncrypted ? value('config.keyId', `<keyId>k-${number}</keyId><providerId><id>P</id></providerId>`) : '',
    value('config.hardware.device', others.join('') + disk),
    '</objects>',
  ].join('')
}

const host = (number: number): string =>
  `<objects><obj type="HostSystem">host-${number}</obj>${value('name', `esx-${number}`)}${value('runtime.cryptoKeyId', `<keyId>h-${number}</keyId><providerId><id>P</id></providerId>`)}</objects>`
const cluster = (number: number): string =>
  `<objects><obj type="ClusterComputeResource">domain-${number}</obj>${value('name', `cluster ${number}`)}</objects>`

const kinds: Readonly<Record<string, { readonly count: number; readonly one: (number: number) => string }>> =
  {
    VirtualMachine: { count: machines, one: machine },
    HostSystem: { count: hosts, one: host },
    ClusterComputeResource: { count: clusters, one: cluster },
  }

/** A page of a type, from the object at `from` on. */
function page(type: string, from: number): string {
  const { count, one } = kinds[type] ?? { count: 0, one: () => '' }
  const to = Math.min(count, from + pageObjects)
  const token = to < count ? `<token>${type} ${to}</token>` : ''
  return `<returnval>${token}${Array.from({ length: to - from }, (_, at) => one(from + at)).join('')}</returnval>`
}

async function open(t: TestContext) {
  const server = await ApiServer.start(t, {
    CreateContainerView: '<returnval type="ContainerView">view</returnval>',
    DestroyView: '',
    CreatePropertyCollector: '<returnval type="PropertyCollector">own</returnval>',
    DestroyPropertyCollector: '',
    RetrievePropertiesEx: (response, { name, body }: ApiCall) => {
      const [, type = ''] = /<propSet><type>(\w+)/.exec(body) ?? []
      response.end(answer(name, page(type, 0)))
    },
    ContinueRetrievePropertiesEx: (response, { name, body }: ApiCall) => {
      const [, type = '', from] = /<token>(\w+) (\d+)/.exec(body) ?? []
      response.end(answer(name, page(type, Number(from))))
    },
    VsanClusterGetConfig: (response, { name, body }: ApiCall) => {
      const [, id = ''] = /domain-(\d+)/.exec(body) ?? []
      const encryption = `<encryptionEnabled>true</encryptionEnabled><kmsProviderId><id>P</id></kmsProviderId><kekId>v-${id}</kekId><hostKeyId>w-${id}</hostKeyId>`
      response.end(
        answer(name, `<returnval><dataEncryptionConfig>${encryption}</dataEncryptionConfig></returnval>`),
      )
    },
  })
  return openSession(server.connect(t), { user: 'u', password: Buffer.from('p') })
}

function heapAfterCollection(): number {
  setFlagsFromString('--expose_gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

test('a vCenter with 5,000 machines is read once, in bounded memory', async (t) => {
  const session = await open(t)
  const seen = new Set<string>()
  const before = heapAfterCollection()
  let [rows, grownMax] = [0, 0]
  for await (const { key, machineId, disk } of keyRows(session, new AbortController().signal)) {
    seen.add(`${machineId} ${disk} ${key}`)
    if (++rows % 3_000 === 0) grownMax = Math.max(grownMax, heapAfterCollection() - before)
  }
  const encrypted = machines * 0.9
  assert.equal(rows, encrypted * 2 + hosts + clusters * 2)
  assert.equal(seen.size, rows)
  // A page of 500 machines, and the names that this test keeps. All machines as elements are more than ten times that.
  assert.ok(grownMax < 12 * megabyte, `${String(Math.round(grownMax / megabyte))} MB more in use midway`)
})

test('a plan for all of them leaves out the templates and the clusters', async (t) => {
  const session = await open(t)
  const choices = { machines: ['*'], isDeep: false, provider: 'P', width: 4, withoutCopy: false }
  let seen = 0
  const items = await plannedItems({
    session,
    choices,
    needed: new Map(),
    onProgress: (count) => (seen = count),
    signal: new AbortController().signal,
  })
  assert.equal(seen, machines + hosts + clusters)
  assert.deepEqual(countsOf(items), {
    planned: machines * 0.9 - machines / 100 + hosts,
    cannot: machines / 100 + clusters,
    keyed: 0,
    done: 0,
    failed: 0,
    changed: 0,
  })
  // Those that get new keys come first.
  assert.equal(
    items.findIndex(({ state }) => state === 'cannot'),
    countsOf(items).planned,
  )
})
