// Which machines are known to run this server or vCenter, by what their guests report.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { neededHosts, partIn } from '../../../src/features/vcenter/runs-here.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { readXml, type XmlElement } from '../../../src/outside/vsphere-api/xml.ts'

const hosts = new Map([
  ['kms-1.example.com', 'this server'],
  ['10.0.0.5', 'this server'],
  ['fd00::5', 'this server'],
  ['vc.example.com', 'vCenter'],
  ['10.0.0.9', 'vCenter'],
])

const value = (xml: string): XmlElement => readXml(Buffer.from(xml), { bytesMax: 10_000, elementsMax: 100 })
const nic = (...addresses: readonly string[]) =>
  `<GuestNicInfo><network>n</network>${addresses.map((one) => `<ipAddress>${one}</ipAddress>`).join('')}</GuestNicInfo>`

for (const [what, guest, expected] of [
  ['nothing', {}, undefined],
  ['the whole name', { 'guest.hostName': '<v>KMS-1.example.com</v>' }, 'this server'],
  ['the name without its domain', { 'guest.hostName': '<v>vc</v>' }, 'vCenter'],
  ['a name that only begins so', { 'guest.hostName': '<v>kms</v>' }, undefined],
  ['a name of another domain', { 'guest.hostName': '<v>vc.example.org</v>' }, undefined],
  ['an empty name', { 'guest.hostName': '<v></v>' }, undefined],
  ['its first address', { 'guest.ipAddress': '<v>10.0.0.9</v>' }, 'vCenter'],
  ['another address', { 'guest.ipAddress': '<v>10.0.0.50</v>' }, undefined],
  ['loopback', { 'guest.ipAddress': '<v>127.0.0.1</v>', 'guest.hostName': '<v>localhost</v>' }, undefined],
  [
    'an address of its second card',
    { 'guest.net': `<v>${nic('192.0.2.1')}${nic('fe80::1', 'FD00::5')}</v>` },
    'this server',
  ],
] as const)
  test(`a guest reports ${what}: ${expected ?? 'no part is known to run in it'}`, () => {
    const values = new Map(Object.entries(guest).map(([path, xml]) => [path, value(xml)]))
    assert.equal(partIn(hosts, { values }), expected)
  })

function hostsWith(...databaseHosts: readonly string[]) {
  const about = { kmip: '192.0.2.1:5696', databaseHosts }
  const parts = { about, clock: new MovableClock(), leases: { nodes: async () => [] } }
  return neededHosts(parts, { host: '192.0.2.9' })
}

test('the database counts as a part, but not on the machine of this server', async () => {
  const apart = await hostsWith('192.0.2.5', '192.0.2.6', '127.0.0.1')
  assert.deepEqual(
    ['192.0.2.1', '192.0.2.5', '192.0.2.6', '192.0.2.9', '127.0.0.1'].map((host) => apart.get(host)),
    ['this server', 'its database', 'its database', 'vCenter', undefined],
  )
  assert.equal((await hostsWith('192.0.2.1')).get('192.0.2.1'), 'this server')
})
