// What the appliance makes of OVF properties and of answers on its console: packaging/appliance/setup. `npm run ova-check` boots it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { parseOvfEnvironment } from '../packaging/appliance/setup/ovf-environment.ts'
import {
  filesOf,
  problemsOf,
  questions,
  serverConfiguration,
  settingsOf,
  type Answers,
} from '../packaging/appliance/setup/settings.ts'
import { root } from './support/sources.ts'

const right: Answers = {
  hostname: 'kms1.example.com',
  address: '192.0.2.10/24',
  gateway: '192.0.2.1',
  dns: '192.0.2.2, 2001:db8::53',
  ntp: 'ntp.example.com 192.0.2.3',
}

test('a document of OVF: this machine’s own properties, whatever prefixes and quotes it uses', () => {
  const text = `<?xml version="1.0"?>
<Environment xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" xmlns="http://schemas.dmtf.org/ovf/environment/1" oe:id="a">
  <PlatformSection><Kind>VMware ESXi</Kind><Property oe:key='odd'/></PlatformSection>
  <!-- <Property oe:key="address" oe:value="commented"/> -->
  <PropertySection>
    <Property oe:key="address" oe:value="192.0.2.10/24"/>
    <oe:Property oe:value='a &lt;b&gt; &amp;amp; &quot;c&quot; &#x41;&#66; > d' oe:key='sshKey' />
    <Property oe:key="gateway" oe:value=""/>
  </PropertySection>
  <Entity oe:id="b"><PropertySection><Property oe:key="address" oe:value="of another machine"/></PropertySection></Entity>
</Environment>`
  assert.deepEqual(Object.fromEntries(parseOvfEnvironment(text)), {
    odd: '',
    address: '192.0.2.10/24',
    sshKey: 'a <b> &amp; "c" AB > d',
    gateway: '',
  })
  for (const nothing of ['', 'no XML', '<Environment/>', '<Property oe:key=unquoted oe:value="a"/>'])
    assert.equal(parseOvfEnvironment(nothing).size, 0, nothing)
})

test('an answer that fits no machine is named, with what was expected', () => {
  assert.deepEqual(problemsOf(right), [])
  assert.deepEqual(problemsOf({ ...right, address: 'dhcp', gateway: '', dns: '', ntp: '' }), [])
  const wrong: Readonly<Partial<Record<keyof Answers, readonly string[]>>> = {
    hostname: ['', 'a b', '-a', 'a..b', 'x"\nlisten = "', '192.0.2.1', `${'a'.repeat(64)}.b`],
    address: [
      '',
      '192.0.2.10',
      '192.0.2.10/33',
      '192.0.2.10/0',
      '192.0.2.10/24/1',
      '2001:db8::1/129',
      'DHCP',
    ],
    gateway: ['192.0.2.256', '2001:db8::1', 'gateway'],
    dns: ['192.0.2.2, dns.example.com', '192.0.2.2\nDomains=x'],
    ntp: ['ntp_1', '[Time]'],
  }
  for (const [key, answers] of Object.entries(wrong))
    for (const answer of answers) {
      const problems = problemsOf({ ...right, [key]: answer })
      // A wrong address is no family for the gateway either.
      assert.ok(
        problems.some((problem) => problem.startsWith(`${key}: `)),
        `${key} ${JSON.stringify(answer)}`,
      )
    }
})

test('what follows from the answers', () => {
  const fixed = filesOf(settingsOf(right))
  assert.equal(fixed.get('/etc/hostname'), 'kms1.example.com\n')
  assert.match(fixed.get('/etc/hosts') ?? '', /^127\.0\.1\.1 kms1\.example\.com kms1$/m)
  assert.deepEqual(fixed.get('/etc/systemd/network/10-mortise.network')?.split('\n').slice(1), [
    '[Match]',
    'Type=ether',
    '[Network]',
    'Address=192.0.2.10/24',
    'DHCP=no',
    'Gateway=192.0.2.1',
    'DNS=192.0.2.2',
    'DNS=2001:db8::53',
    'LLMNR=no',
    'MulticastDNS=no',
    '',
  ])
  assert.equal(
    fixed.get('/etc/systemd/timesyncd.conf.d/mortise.conf'),
    '[Time]\nNTP=ntp.example.com 192.0.2.3\n',
  )
  // A gateway that DHCP names too would be a second one.
  const leased =
    filesOf(settingsOf({ ...right, address: 'dhcp' })).get('/etc/systemd/network/10-mortise.network') ?? ''
  assert.match(leased, /^DHCP=yes$/m)
  assert.match(leased, /^UseDNS=no$/m)
  assert.doesNotMatch(leased, /Gateway|Address/)
  assert.deepEqual(structuredClone(parse(serverConfiguration(settingsOf(right)))), {
    server: { data: '/var/lib/mortise', names: ['kms1.example.com'] },
    admin: { listen: '[::]:5697' },
  })
})

test('the OVF has a property for each question, and no password among them', () => {
  const ovf = readFileSync(path.join(root, 'packaging/appliance/mortise.ovf'), 'utf8')
  const keys = [...ovf.matchAll(/<Property ovf:key="(\w+)"/g)].map(([, key]) => key)
  assert.deepEqual(new Set(keys), new Set([...questions.map(({ key }) => key), 'sshKey']))
  assert.doesNotMatch(ovf, /ovf:password/)
})
