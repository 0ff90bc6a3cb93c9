// What the appliance makes of OVF properties and of answers on its console: packaging/appliance/setup. `npm run ova-check` boots it.

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { parse } from 'smol-toml'
import { parseOvfEnvironment, readProperties } from '../packaging/appliance/setup/ovf-environment.ts'
import {
  answerOf,
  filesOf,
  problemsOf,
  questions,
  serverConfiguration,
  settingsOf,
  type Answers,
} from '../packaging/appliance/setup/settings.ts'
import { tryDns, tryNtp } from '../packaging/appliance/setup/tryout.ts'
import { withContentId } from '../scripts/package/appliance.ts'
import { root } from './support/repository/sources.ts'

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
      '127.0.0.1/8',
      '224.0.0.5/24',
      '::1/128',
      '192.0.2.0/24',
      '192.0.2.255/24',
      '',
      '192.0.2.10',
      '192.0.2.10/33',
      '192.0.2.10/0',
      '192.0.2.10/24/1',
      '2001:db8::1/129',
      'DHCP',
    ],
    gateway: ['192.0.2.256', '2001:db8::1', 'gateway', '198.51.100.1', '192.0.2.10', 'fe80::1'],
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

test('an answer as somebody types it: nothing, a hyphen for none, capitals, a netmask', () => {
  assert.equal(answerOf('  ', 'dhcp'), 'dhcp')
  assert.equal(answerOf('-', '192.0.2.1'), '')
  assert.equal(answerOf(' DHCP\n', ''), 'dhcp')
  for (const [address, meant] of [
    ['192.0.2.10 255.255.255.0', '192.0.2.10/24'],
    ['192.0.2.10/255.255.255.128', '192.0.2.10/25'],
  ])
    assert.deepEqual(problemsOf({ ...right, address: address ?? '' }), [
      `address: "${address}" has a netmask: write ${meant}`,
    ])
  for (const address of ['192.0.2.10 24', '192.0.2.10/255.0.255.0'])
    assert.match(problemsOf({ ...right, address })[0] ?? '', /is neither dhcp nor an address/)
})

test('addresses that look odd, and are right', () => {
  const right6 = { address: '2001:db8::10/64', gateway: 'fe80::1' }
  for (const odd of [
    { address: '192.0.2.0/31', gateway: '192.0.2.1' },
    right6,
    { address: '10.1.0.0/8', gateway: '10.9.9.9' },
  ])
    assert.deepEqual(problemsOf({ ...right, ...odd }), [], odd.address)
})

test('the properties come through VMware’s tool first', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-tools-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const text = '<Environment><Property key="address" value="192.0.2.10/24"/></Environment>'
  const tool = `#!/bin/sh\n[ "$*" = "--cmd info-get guestinfo.ovfEnv" ] && echo '${text}'\n`
  writeFileSync(path.join(folder, 'vmtoolsd'), tool, { mode: 0o755 })
  const before = process.env['PATH']
  process.env['PATH'] = `${folder}${path.delimiter}${before ?? ''}`
  t.after(() => (process.env['PATH'] = before))
  assert.deepEqual(readProperties(), new Map([['address', '192.0.2.10/24']]))
})

/** A server on UDP, which says that to each datagram; its port. */
async function answering(t: TestContext, answer: (asked: Buffer) => Buffer): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (asked, { port, address }) => socket.send(answer(asked), port, address))
  t.after(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket.address().port
}

/** An answer of DNS without records, to the question that was asked. */
const dnsAnswer = (code: number) => (asked: Buffer) => {
  const header = Buffer.from(asked)
  header.writeUInt16BE(0x81_80 | code, 2)
  return header
}
const ntpAnswer = (first: number, stratum: number) => () =>
  Buffer.concat([Buffer.of(first, stratum), Buffer.alloc(46)])

test('what was answered is tried: a DNS server', async (t) => {
  const refuses = await answering(t, dnsAnswer(5))
  assert.deepEqual(await tryDns(`127.0.0.1:${refuses}`, 'kms1.example.com'), {
    works: true,
    text: `The DNS server 127.0.0.1:${refuses} answers, and does not know kms1.example.com.`,
  })
  const knows = await answering(t, (asked) => {
    const isA = asked.readUInt16BE(asked.indexOf(0, 12) + 1) === 1
    if (!isA) return dnsAnswer(0)(asked)
    const end = asked.indexOf(0, 12) + 5
    const header = dnsAnswer(0)(asked).subarray(0, end)
    header.writeUInt16BE(1, 6)
    header.writeUInt16BE(0, 10)
    return Buffer.concat([header, Buffer.from('c00c00010001000000010004c000020a', 'hex')])
  })
  assert.match(
    (await tryDns(`127.0.0.1:${knows}`, 'kms1.example.com')).text,
    /says that kms1\.example\.com is 192\.0\.2\.10\./,
  )
  const closed = createSocket('udp4').bind(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address()
  await once(closed.close(), 'close')
  assert.deepEqual(await tryDns(`127.0.0.1:${port}`, 'kms1.example.com'), {
    works: false,
    text: `The DNS server 127.0.0.1:${port} does not answer.`,
  })
})

test('what was answered is tried: an NTP server', async (t) => {
  assert.equal((await tryNtp('127.0.0.1', await answering(t, ntpAnswer(0x24, 2)))).works, true)
  // One that does not know the time itself.
  assert.equal((await tryNtp('127.0.0.1', await answering(t, ntpAnswer(0xe4, 16)))).works, false)
  // Nobody need be asked for it.
  const impossible = `${'a'.repeat(64)}.example`
  assert.deepEqual(await tryNtp(impossible), {
    works: false,
    text: `The NTP server ${impossible} has no address: DNS does not know it, or does not answer.`,
  })
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

/** Its description lies in the second of its sectors. `left`: behind the description's end. */
function beginningOfVmdk(id: string, left = ''): Buffer {
  const head = Buffer.alloc(3 * 512, 0xff)
  head.writeBigUInt64LE(1n, 28)
  head.writeBigUInt64LE(1n, 36)
  const text = `# Disk DescriptorFile\nversion=1\nCID=${id}\nparentCID=ffffffff\nddb.toolsVersion = "1"\n\0${left}`
  head.fill(text.padEnd(512, '\0'), 512, 1024, 'latin1')
  return head
}

test('each disk gets the same content identifier, however many digits qemu-img wrote, and whatever it left', () => {
  const [named, ...others] = [
    ...['6e1f7a90', 'e1f7a90', 'f', '0'].map((id) => withContentId(beginningOfVmdk(id))),
    withContentId(beginningOfVmdk('9b20de', '\n')),
  ]
  assert.match(
    named?.toString('latin1', 512) ?? '',
    /version=1\nCID=6d6f7274\nparentCID=ffffffff\nddb\.[^\0]*"\n\0+\xff{512}$/,
  )
  for (const other of others) assert.deepEqual(other, named)
  assert.throws(() => withContentId(beginningOfVmdk('none')), /has no CID/)
})
