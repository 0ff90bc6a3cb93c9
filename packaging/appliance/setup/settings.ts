// What the appliance must know before it serves: its name, its address, and whom it asks for names and for the time. One rule for each,
// whether the answer comes from an OVF property or from the console; and the files that follow from the answers.

import { BlockList, isIP } from 'node:net'

export interface Settings {
  readonly hostname: string
  /** `192.0.2.10/24`, or `dhcp`. */
  readonly address: string
  /** Empty: none, or the one that DHCP names. */
  readonly gateway: string
  /** Addresses. Empty: those that DHCP names. */
  readonly dns: readonly string[]
  /** Names or addresses. Empty: those of Debian, or those that DHCP names. */
  readonly ntp: readonly string[]
}

export type Answers = Readonly<Record<keyof Settings, string>>

interface Question {
  readonly key: keyof Settings
  readonly asks: string
  readonly usual: string
  /** What is wrong with an answer; undefined: nothing. */
  readonly problem: (answer: string, before: Partial<Answers>) => string | undefined
  /** Whether the answers before leave it open. */
  readonly open?: (before: Partial<Answers>) => boolean
}

const fixed = (before: Partial<Answers>) => before.address !== 'dhcp'

export const questions: readonly Question[] = [
  {
    key: 'hostname',
    asks: 'Host name, with its domain, as vCenter will reach it',
    usual: 'mortise',
    problem: (name) =>
      isHostName(name)
        ? undefined
        : `"${name}" is no host name: letters, digits and "-", parts divided by "."`,
  },
  {
    key: 'address',
    asks: 'IP address and length of its prefix (192.0.2.10/24), or dhcp',
    usual: 'dhcp',
    problem: (address) => (address === 'dhcp' ? undefined : problemOfAddress(address)),
  },
  {
    key: 'gateway',
    asks: 'Gateway',
    usual: '',
    open: fixed,
    problem: (gateway, { address = '' }) => (gateway === '' ? undefined : problemOfGateway(gateway, address)),
  },
  {
    key: 'dns',
    asks: 'DNS servers, divided by commas',
    usual: '',
    problem: (text) => wrongOne(text, (server) => isIP(server) !== 0, 'an IP address'),
  },
  {
    key: 'ntp',
    asks: 'NTP servers, divided by commas (none: those of Debian, or those that DHCP names)',
    usual: '',
    problem: (text) =>
      wrongOne(text, (server) => isIP(server) !== 0 || isHostName(server), 'a name or an IP address'),
  },
]

/** What somebody typed, or what is usual where that is nothing; `-` stands for none. Names and addresses are the same in any case. */
export function answerOf(typed: string, usual: string): string {
  const text = typed.trim().toLowerCase()
  return text === '-' ? '' : text || usual
}

/** What is wrong with answers that were all given at once, one line each. */
export function problemsOf(answers: Answers): readonly string[] {
  return questions.flatMap(({ key, problem, open }) => {
    const said = open?.(answers) === false ? undefined : problem(answers[key], answers)
    return said === undefined ? [] : [`${key}: ${said}`]
  })
}

/** Answers without problems. */
export function settingsOf({ hostname, address, gateway, dns, ntp }: Answers): Settings {
  return { hostname, address, gateway: address === 'dhcp' ? '' : gateway, dns: list(dns), ntp: list(ntp) }
}

/** Name and content of each file that says so to the system. */
export function filesOf({ hostname, address, gateway, dns, ntp }: Settings): ReadonlyMap<string, string> {
  const [short] = hostname.split('.')
  const names = short === hostname ? hostname : `${hostname} ${short}`
  const network = [
    '# Written by mortise-setup, which asks again when it is called.',
    '[Match]',
    'Type=ether',
    '[Network]',
    ...(address === 'dhcp' ? ['DHCP=yes'] : [`Address=${address}`, 'DHCP=no']),
    ...(gateway === '' ? [] : [`Gateway=${gateway}`]),
    ...dns.map((server) => `DNS=${server}`),
    'LLMNR=no',
    'MulticastDNS=no',
    ...(address === 'dhcp' && dns.length > 0 ? ['[DHCPv4]', 'UseDNS=no', '[DHCPv6]', 'UseDNS=no'] : []),
  ]
  return new Map([
    ['/etc/hostname', `${hostname}\n`],
    ['/etc/hosts', `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${names}\n`],
    ['/etc/systemd/network/10-mortise.network', `${network.join('\n')}\n`],
    ['/etc/systemd/timesyncd.conf.d/mortise.conf', ntp.length === 0 ? '' : `[Time]\nNTP=${ntp.join(' ')}\n`],
  ])
}

/** The server's own configuration, as it stands before anybody changes it. */
export function serverConfiguration({ hostname }: Settings): string {
  return `# The configuration of this appliance's Mortise. Every option, with its default and what it is for:
# /usr/share/doc/mortise/examples/mortise.toml. What can be changed without a restart takes effect with: systemctl reload mortise

[server]
data = "/var/lib/mortise"
# Besides the addresses of this machine, which the server's certificate names in any case.
names = ["${hostname}"]

[admin]
# The console and the admin API, over TLS and with a token, from everywhere. From this machine alone: "127.0.0.1:5697".
listen = "[::]:5697"
`
}

function list(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '')
}

function isHostName(name: string): boolean {
  const part = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
  return name.length <= 253 && new RegExp(`^${part}(?:\\.${part})*$`, 'i').test(name) && isIP(name) === 0
}

/** Addresses that no machine has as its own. */
const nobodys = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['224.0.0.0', 3],
] as const)
  nobodys.addSubnet(net, bits, 'ipv4')
nobodys.addSubnet('::', 127, 'ipv6')
nobodys.addSubnet('ff00::', 8, 'ipv6')

function problemOfAddress(text: string): string | undefined {
  const [host = '', length = '', ...more] = text.split('/')
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(host)] ?? 0
  const [, masked = '', mask = ''] = /^([\d.]+)[\s/]+([\d.]+)$/.exec(text) ?? []
  const prefix = prefixOfMask(mask)
  if (prefix !== undefined) return `"${text}" has a netmask: write ${masked}/${prefix}`
  if (more.length > 0 || !/^\d{1,3}$/.test(length) || Number(length) === 0 || Number(length) > bits)
    return `"${text}" is neither dhcp nor an address with the length of its prefix, such as 192.0.2.10/24`
  if (nobodys.check(host, bits === 32 ? 'ipv4' : 'ipv6')) return `"${host}" is no address of a machine`
  if (bits === 128 || Number(length) > 30) return undefined
  const size = 2 ** (32 - Number(length))
  const place = host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) % size
  if (place === 0) return `"${text}" is the network itself, and no machine in it`
  return place === size - 1
    ? `"${text}" is the broadcast address of its network, and no machine in it`
    : undefined
}

/** 255.255.255.0 is 24; undefined where a text is no netmask. */
function prefixOfMask(text: string): number | undefined {
  if (isIP(text) !== 4) return undefined
  const bits = text.split('.').map((part) => Number(part).toString(2).padStart(8, '0'))
  return /^(1*)0*$/.exec(bits.join(''))?.[1]?.length
}

function problemOfGateway(gateway: string, address: string): string | undefined {
  if (isIP(gateway) === 0) return `"${gateway}" is no IP address`
  const [host = '', length = ''] = address.split('/')
  // Of an address that is wrong, its own question says so.
  if (problemOfAddress(address) !== undefined) return undefined
  if (gateway === host) return `"${gateway}" is this machine's own address`
  const kind = isIP(gateway) === 6 ? 'ipv6' : 'ipv4'
  const network = new BlockList()
  network.addSubnet(host, Number(length), isIP(host) === 6 ? 'ipv6' : 'ipv4')
  if (isIP(host) === 6) network.addSubnet('fe80::', 10, 'ipv6')
  return network.check(gateway, kind) ? undefined : `"${gateway}" is not in the network of ${address}`
}

function wrongOne(text: string, isRight: (word: string) => boolean, wanted: string): string | undefined {
  const wrong = list(text).find((word) => !isRight(word))
  return wrong === undefined ? undefined : `"${wrong}" is not ${wanted}`
}
