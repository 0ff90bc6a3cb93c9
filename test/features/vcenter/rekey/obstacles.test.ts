// Which machines a rekey campaign leaves out, as rules.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { obstacle } from '../../../../src/features/vcenter/rekey/obstacles.ts'
import { encryptedMachine, type EncryptedMachine } from '../../../../src/outside/vsphere-api/recrypt.ts'
import { readXml } from '../../../../src/outside/vsphere-api/xml.ts'

const key = { key: 'k-1', provider: 'P' }
const device = readXml(Buffer.from('<device/>'), { bytesMax: 100, elementsMax: 10 })
const disk = { label: 'Hard disk 1', keys: [key], parents: 0, device }

const machine: EncryptedMachine = {
  ref: { type: 'VirtualMachine', id: 'vm-1' },
  name: 'web-1',
  changeVersion: '1',
  home: key,
  disks: [disk],
  isTemplate: false,
  tracksChanges: false,
  isOff: false,
  isLocked: false,
  connection: 'connected',
  snapshots: 0,
  hasBranches: false,
  hasIde: false,
}

const shallow = { isDeep: false, isNamed: false, runs: undefined }
const deep = { ...shallow, isDeep: true }
const off = { isOff: true }

for (const [what, fields, way, expected] of [
  ['a machine that runs, shallow', {}, shallow, undefined],
  ['a machine that runs, deep', {}, deep, /powered on/],
  ['a machine that is off, deep', off, deep, undefined],
  ['a snapshot, deep', { ...off, snapshots: 1 }, deep, /snapshots/],
  ['a linked clone that is off, deep', { ...off, disks: [{ ...disk, parents: 1 }] }, deep, /linked clone/],
  ['one chain of snapshots', { snapshots: 2, disks: [{ ...disk, parents: 2 }] }, shallow, undefined],
  ['two branches of snapshots', { snapshots: 3, hasBranches: true }, shallow, /more than one chain/],
  [
    'more disks in a chain than snapshots',
    { snapshots: 1, disks: [{ ...disk, parents: 2 }] },
    shallow,
    /linked clone/,
  ],
  ['IDE, while it runs', { hasIde: true }, shallow, /IDE/],
  ['IDE, while it is off', { ...off, hasIde: true }, shallow, undefined],
  ['change block tracking', { tracksChanges: true }, shallow, /change block tracking/],
  ['change block tracking, named', { tracksChanges: true }, { ...shallow, isNamed: true }, undefined],
  ['what runs vCenter', {}, { ...shallow, runs: 'vCenter' }, /vCenter runs in it/],
  ['what runs vCenter, named', {}, { ...shallow, runs: 'vCenter', isNamed: true }, undefined],
  ['a locked one', { isLocked: true }, shallow, /locked/],
  ['a template', { ...off, isTemplate: true }, shallow, /template/],
  ['one that vCenter does not reach', { connection: 'disconnected' }, shallow, /disconnected/],
] as const)
  test(`${what}: ${expected === undefined ? 'gets a new key' : 'is left out'}`, () => {
    const why = obstacle({ ...machine, ...fields }, way)
    if (expected === undefined) assert.equal(why, undefined)
    else assert.match(why ?? '', expected)
  })

test('a machine is read with its disks, the disks below them, its snapshots and its controllers', () => {
  const values = readXml(
    Buffer.from(`<values xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
      <changeVersion>7</changeVersion><template>false</template><tracking>true</tracking>
      <keyId><keyId>home</keyId><providerId><id>P</id></providerId></keyId>
      <device>
        <VirtualDevice xsi:type="VirtualIDEController"><key>200</key></VirtualDevice>
        <VirtualDevice xsi:type="VirtualDisk">
          <key>2000</key><deviceInfo><label>Hard disk 1</label></deviceInfo>
          <backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>a</fileName>
            <parent><fileName>b</fileName><keyId><keyId>below</keyId><providerId><id>P</id></providerId></keyId></parent>
            <keyId><keyId>disk</keyId><providerId><id>P</id></providerId></keyId>
          </backing><controllerKey>200</controllerKey>
        </VirtualDevice>
      </device>
      <snapshot><rootSnapshotList><name>a</name>
        <childSnapshotList><name>b</name></childSnapshotList><childSnapshotList><name>c</name></childSnapshotList>
      </rootSnapshotList></snapshot></values>`),
    { bytesMax: 10_000, elementsMax: 1_000 },
  )
  const at = (name: string) => values.children.find((child) => child.name === name)
  const read = encryptedMachine({
    ref: machine.ref,
    unreadable: [],
    values: new Map(
      [
        ['config.changeVersion', at('changeVersion')],
        ['config.template', at('template')],
        ['config.changeTrackingEnabled', at('tracking')],
        ['config.keyId', at('keyId')],
        ['config.hardware.device', at('device')],
        ['snapshot', at('snapshot')],
      ].flatMap(([path, value]) =>
        typeof path === 'string' && typeof value === 'object' ? [[path, value]] : [],
      ),
    ),
  })
  const [{ device: _, ...only } = { device: undefined }, ...others] = read.disks
  assert.deepEqual(others, [])
  assert.deepEqual(only, {
    label: 'Hard disk 1',
    parents: 1,
    keys: [
      { key: 'disk', provider: 'P' },
      { key: 'below', provider: 'P' },
    ],
  })
  const { changeVersion, home, isTemplate, tracksChanges, snapshots, hasBranches, hasIde } = read
  assert.deepEqual(
    { changeVersion, home, isTemplate, tracksChanges, snapshots, hasBranches, hasIde },
    {
      changeVersion: '7',
      home: { key: 'home', provider: 'P' },
      isTemplate: false,
      tracksChanges: true,
      snapshots: 3,
      hasBranches: true,
      hasIde: true,
    },
  )
})
