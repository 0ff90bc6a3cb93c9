// Tries what was answered, and says what answers and what does not, so that a mistyped address is seen on the console and not only in
// vCenter. It changes nothing, and nothing depends on what it says: a server of another site may be down just now.

import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { lookup, Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import type { Settings } from './settings.ts'

const run = promisify(execFile)
const answerMs = 5000
const networkUpMs = 30_000

export interface Finding {
  readonly works: boolean
  readonly text: string
}

export async function tryOut(settings: Settings): Promise<readonly Finding[]> {
  await networkIsUp()
  const { gateway, dns, ntp, hostname } = settings
  const found = await Promise.all([
    ownAddresses(settings.address),
    ...(gateway === '' ? withoutGateway(settings) : [tryGateway(gateway)]),
    ...dns.map((server) => tryDns(server, hostname)),
    ...ntp.map((server) => tryNtp(server)),
  ])
  const clock = `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`
  return [...found, { works: true, text: `The clock says ${clock}.` }]
}

/** systemd's own program; its end says nothing more than what is found afterwards. */
async function networkIsUp(): Promise<void> {
  const seconds = String(networkUpMs / 1000)
  await run('/usr/lib/systemd/systemd-networkd-wait-online', ['--any', `--timeout=${seconds}`]).catch(
    () => {},
  )
}

async function ownAddresses(wanted: string): Promise<Finding> {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
  if (own.length > 0) return { works: true, text: `This machine has the address ${own.join(', ')}.` }
  const reason = wanted === 'dhcp' ? 'no DHCP server has given one' : 'its network adapter is not connected'
  return { works: false, text: `This machine has no address: ${reason}.` }
}

function withoutGateway({ address }: Settings): readonly Finding[] {
  if (address === 'dhcp') return []
  return [{ works: true, text: `There is no gateway: only the network of ${address} reaches this machine.` }]
}

/** It need not answer a ping, but who looks for it on the network must find it. */
async function tryGateway(gateway: string): Promise<Finding> {
  await run('ping', ['-c', '1', '-W', String(answerMs / 1000), gateway]).catch(() => {})
  const { stdout } = await run('ip', ['neighbor', 'show', 'to', gateway]).catch(() => ({ stdout: '' }))
  return / lladdr /.test(stdout)
    ? { works: true, text: `The gateway ${gateway} is there.` }
    : { works: false, text: `The gateway ${gateway} is not there: nothing on this network has its address.` }
}

/** Asks for this machine's own name, by which vCenter will look for it. */
export async function tryDns(server: string, hostname: string): Promise<Finding> {
  const resolver = new Resolver({ timeout: answerMs, tries: 1 })
  resolver.setServers([server])
  const asked = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  const addresses = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  const codes = asked.flatMap((one) => (one.status === 'rejected' ? [codeOf(one.reason)] : []))
  const known = addresses.length > 0 ? `says that ${hostname} is ${addresses.join(', ')}` : ''
  const answers = codes.some((code) => answering.has(code)) ? `answers, and does not know ${hostname}` : ''
  const said = known || answers
  return said === ''
    ? { works: false, text: `The DNS server ${server} does not answer.` }
    : { works: true, text: `The DNS server ${server} ${said}.` }
}

/** Codes of c-ares that a server's answer leads to. */
const answering = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED', 'EFORMERR', 'ENOTIMP'])

export async function tryNtp(server: string, port = 123): Promise<Finding> {
  let address: string
  try {
    address = isIP(server) === 0 ? (await lookup(server)).address : server
  } catch {
    return {
      works: false,
      text: `The NTP server ${server} has no address: DNS does not know it, or does not answer.`,
    }
  }
  return (await answersNtp(address, port))
    ? { works: true, text: `The NTP server ${server} answers.` }
    : { works: false, text: `The NTP server ${server} does not answer.` }
}

/** RFC 5905: a request of a client, version 4; the answer is that of a server that knows the time. */
async function answersNtp(address: string, port: number): Promise<boolean> {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
  try {
    socket.connect(port, address)
    await once(socket, 'connect')
    const heard = once(socket, 'message', { signal: AbortSignal.timeout(answerMs) })
    socket.send(Buffer.concat([Buffer.of(0x23), Buffer.alloc(47)]))
    const [answer] = (await heard) as [Buffer]
    const [first = 0, stratum = 0] = answer
    return answer.length >= 48 && (first & 7) === 4 && stratum > 0 && stratum < 16
  } catch {
    return false
  } finally {
    socket.close()
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}
