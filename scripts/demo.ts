// `npm run demo`: a day at a small vSphere site, told as it happens. A real server on free ports in a temporary folder,
// the simulator as vCenter and hosts, and the command line as the administrator. Needs nothing, leaves nothing, takes
// less than a minute; every key that is made is fetched again in the end and compared.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { parseAddress, type Address } from '../src/base/kmip-address.ts'
import { formatFingerprint } from '../src/core/pki/fingerprint.ts'
import { privateKeyPem } from '../src/core/pki/issue.ts'
import { makeSelfSigned } from '../src/core/pki/self-signed.ts'
import { RunLog } from '../src/tools/vsphere/run-log.ts'
import {
  addProvider,
  encrypt,
  encryptFirstOnHost,
  fetchAgain,
  fetchVsanKeys,
  fetchVsanKeysAtBoot,
  makeVsanKeys,
} from '../src/tools/vsphere/sequences.ts'
import { Site, type VirtualMachine } from '../src/tools/vsphere/site.ts'
import { askUntrusted, vcenterName } from '../src/tools/vsphere/untrusted-client.ts'
import { together } from '../src/tools/vsphere/together.ts'
import { argumentsOf } from './arguments.ts'

argumentsOf('demo', {})
const root = path.resolve(import.meta.dirname, '..')
const nodeFlags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
const dayMs = 24 * 3600_000
/** Pauses between real connections are as long as they were seen, divided by this. */
const speed = 4

interface Served {
  readonly address: Address
  readonly sha256: string
}

class Demo {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'mortise-demo-'))
  #child: ChildProcess | undefined

  /** Starts the server; `kmip` with the port that it had before, the second time. */
  async serve(kmip = '127.0.0.1:0'): Promise<Served> {
    const args = ['serve', '--data', this.#data, '--kmip', kmip, '--admin', '127.0.0.1:0', '--json']
    const child = this.#spawn(args, 'ignore')
    this.#child = child
    if (!child.stdout) throw new Error('the server has no standard output')
    const gone = once(child, 'close').then(() => undefined)
    const line = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(([first]: string[]) => first),
      gone,
    ])
    if (line === undefined) throw new Error('the server did not start: npm start says why')
    const ready = JSON.parse(line) as { readonly kmip: string; readonly serverCertSha256: string }
    const address = parseAddress(ready.kmip)
    if (!address) throw new Error(`the server says that it is at ${ready.kmip}`)
    return { address, sha256: ready.serverCertSha256 }
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'close')
    child.kill('SIGKILL')
    await gone
  }

  /** A command of the administrator's, as told; what it prints. */
  async mortise(...args: readonly string[]): Promise<string> {
    const child = this.#spawn([...args, '--data', this.#data], 'pipe')
    const { stdout, stderr } = child
    if (!stdout || !stderr) throw new Error('a command has no output')
    const gone = once(child, 'close')
    const [said, complained] = await Promise.all([text(stdout), text(stderr), gone])
    if (child.exitCode !== 0) throw new Error(`mortise ${args.join(' ')}: ${complained}`)
    return said
  }

  /** Such a command, which writes by itself: a table fits the terminal. */
  async show(...args: readonly string[]): Promise<void> {
    process.stdout.write(`\n$ mortise ${args.join(' ')}\n`)
    const child = this.#spawn([...args, '--data', this.#data], 'inherit', 'inherit')
    await once(child, 'close')
    if (child.exitCode !== 0) throw new Error(`mortise ${args.join(' ')} failed`)
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  get #data(): string {
    return path.join(this.folder, 'data')
  }

  /** Without a MORTISE_ setting of the user's, and without a pager. */
  #spawn(
    args: readonly string[],
    stderr: 'ignore' | 'pipe' | 'inherit',
    stdout: 'pipe' | 'inherit' = 'pipe',
  ): ChildProcess {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('MORTISE_')),
    )
    const main = path.join(root, 'src/program/main.ts')
    return spawn(process.execPath, [...nodeFlags, main, ...args], {
      stdio: ['ignore', stdout, stderr],
      env: { ...env, MORTISE_PAGER: 'cat' },
    })
  }
}

// ---------------------------------------------------------------- The story

/** One paragraph: the hour on the site's clock, what happens, how long it really took, and what came of it. */
async function tell<T>(
  hour: string,
  what: string,
  run: () => Promise<T>,
  after: (value: T) => readonly string[] = () => [],
): Promise<T> {
  process.stdout.write(`\n${hour}  ${what}\n`)
  const begunMs = performance.now()
  const value = await run()
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(2)
  for (const line of after(value)) process.stdout.write(`       ${line}\n`)
  process.stdout.write(`       (${seconds} s)\n`)
  return value
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`)
  return value
}

async function openSite({ address, sha256 }: Served, runLog: RunLog) {
  const nowMs = Date.now()
  const { certificate, privateKey } = await makeSelfSigned({
    commonName: vcenterName(nowMs),
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 730 * dayMs,
  })
  const site = await Site.open({
    addresses: [address],
    cert: certificate.pem,
    key: privateKeyPem(privateKey),
    trust: { by: 'fingerprint', sha256 },
    profile: '7.0.3',
    hosts: 3,
    vms: 3,
    speed,
    seed: 8,
    runLog,
  })
  return { site, certificate }
}

async function morning(demo: Demo, runLog: RunLog) {
  const served = await tell(
    '07:55',
    'Mortise is started for the first time. It makes its root key, its CA and its certificate.',
    () => demo.serve(),
    ({ address, sha256 }) => [
      `KMIP on ${address.host}:${address.port}, certificate SHA-256`,
      formatFingerprint(sha256).slice(0, 47),
      formatFingerprint(sha256).slice(48),
    ],
  )
  const { site, certificate } = await openSite(served, runLog)
  await tell(
    '08:00',
    'Somebody adds the key server to vCenter. It sees the certificate above, trusts it, and connects.',
    async () => {
      for (let done = 0; done < 4; done++) await site.vcenter.handshake()
      return askUntrusted(site, site.tls)
    },
    (refused) => [
      `Nobody knows it yet: every handshake is let through, every request is refused (${String(refused?.name === 'KmipRefused' && 'reason' in refused ? refused.reason : 'no')}).`,
    ],
  )
  await tell(
    '08:02',
    'The administrator compares the fingerprint with the one in vCenter, and trusts it.',
    async () => {
      const list = JSON.parse(await demo.mortise('client', 'pending', '--json')) as readonly {
        readonly sha256: string
      }[]
      if (!list.some(({ sha256 }) => sha256 === certificate.sha256)) throw new Error('vCenter is not pending')
      await demo.mortise('client', 'trust', '--name', 'vcenter', '--pending', certificate.sha256)
    },
    () => [
      '$ mortise client pending',
      `$ mortise client trust --name vcenter --pending ${certificate.sha256.slice(0, 16)}...`,
    ],
  )
  await tell(
    '08:03',
    'vCenter looks again, without a restart of anything.',
    () => addProvider(site),
    (vendor) => [`Connected. The key server is called "${vendor ?? ''}". The provider is green.`],
  )
  return { site, served }
}

function keyOf({ name, key }: VirtualMachine): string {
  return `${name}: key ${key ?? 'none'}`
}

async function forenoon(site: Site): Promise<void> {
  const first = found(site.vms[0], 'machine')
  const second = found(site.vms[1], 'machine')
  const third = found(site.vms[2], 'machine')
  await tell(
    '09:10',
    'The first virtual machine is encrypted. Its host needs a key of its own, for core dumps.',
    () => encryptFirstOnHost(site, first),
    () => [
      keyOf(first),
      `${first.host.name}: key ${first.host.hostKey ?? 'none'}`,
      'Eight connections; vCenter noted on each key what it is for, while it activated it.',
    ],
  )
  await tell(
    '09:40',
    'Another one, on the second host.',
    () => encryptFirstOnHost(site, second),
    () => [keyOf(second), `${second.host.name}: key ${second.host.hostKey ?? 'none'}`],
  )
  await tell(
    '10:05',
    'A virtual TPM is added to a machine: its files are encrypted, so it gets a key as well.',
    async () => {
      third.host = first.host
      await encrypt(site, third)
    },
    () => [keyOf(third)],
  )
  await tell(
    '11:30',
    "vSAN encryption is switched on. Here the hosts ask by themselves, with vCenter's certificate.",
    async () => {
      const keys = await makeVsanKeys(site)
      site.vsan = keys
      await together(site.hosts.map((host) => fetchVsanKeys(host, keys)))
      return keys
    },
    ({ keyEncryptionKey, hostKey }) => [
      `vSAN: key ${keyEncryptionKey}`,
      `vSAN hosts: key ${hostKey}`,
      `${site.hosts.length} hosts have fetched both, each from its own address.`,
    ],
  )
}

async function night(demo: Demo, site: Site, served: Served): Promise<void> {
  await tell(
    '21:47',
    'The power fails. Mortise is killed without a word, and so is every host.',
    async () => {
      await demo.kill()
      await demo.serve(`${served.address.host}:${served.address.port}`)
    },
    () => ['Power is back, and Mortise serves again.'],
  )
  await tell(
    '21:50',
    'All hosts boot at once. vSAN needs its keys before a single disk can be read.',
    async () => {
      const keys = found(site.vsan, 'vSAN key')
      await together(site.hosts.map((host) => fetchVsanKeysAtBoot(host, keys)))
      const others = [...site.hosts.map(({ hostKey }) => hostKey), ...site.vms.map(({ key }) => key)]
      await fetchAgain(
        site,
        others.filter((key) => key !== undefined),
      )
    },
    () =>
      site.runLog.violations.length > 0
        ? ['NOT every key is the one that it was.']
        : ['Every key is served again, and each is the one that it was.'],
  )
  const machine = found(site.vms[0], 'machine')
  await tell(
    '22:30',
    'To be on the safe side, the first machine is given a new key (a shallow rekey).',
    async () => {
      await encrypt(site, machine)
      await fetchAgain(site, [...machine.formerKeys, found(machine.key, 'key')])
    },
    () => [
      `${machine.name}: key ${machine.key ?? ''}`,
      `Its snapshots still need the old one, ${machine.formerKeys[0] ?? ''}: still served.`,
    ],
  )
}

async function books(demo: Demo): Promise<void> {
  process.stdout.write('\n23:00  The administrator closes the day.\n')
  await demo.show('key', 'list')
  await demo.show('audit', 'verify')
}

async function day(demo: Demo): Promise<boolean> {
  const runLog = new RunLog()
  runLog.begin('demo')
  const { site, served } = await morning(demo, runLog)
  await forenoon(site)
  await night(demo, site, served)
  await books(demo)
  const [counts] = [...runLog.counts.values()]
  const faults = [...runLog.violations, ...runLog.failures]
  for (const { where, what } of faults) process.stdout.write(`\nWRONG  ${where}: ${what}\n`)
  const slowest = Math.max(...runLog.handshakeMs)
  process.stdout.write(
    `\n${counts?.done ?? 0} connections, ${runLog.requestMs.length} requests, ${site.inventory.saved().length} keys; ` +
      `the slowest handshake took ${slowest.toFixed(0)} ms, the slowest answer ${Math.max(...runLog.requestMs).toFixed(0)} ms.\n` +
      (faults.length === 0 ? 'Every answer was what vSphere needs.\n' : '') +
      '\nYour own: npm start, then add it in vCenter as README.md says.\n' +
      'This, against any KMIP server: npm run -s mortise -- simulate vsphere --help\n',
  )
  return faults.length === 0
}

const demo = new Demo()
process.once('SIGINT', () => void demo.end().then(() => process.exit(130)))
try {
  process.stdout.write(
    'A day at a small site: one vCenter, three hosts. All of it is played, but for Mortise.\n',
  )
  process.exitCode = (await day(demo)) ? 0 : 1
} catch (error) {
  process.stderr.write(`\nThe day ends early: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await demo.end()
}
