// Checks whether the address answers: resolves the name, and opens a TCP connection to each of its IP addresses.

import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { connectionTrouble } from '../../outside/kmip-client/errors.ts'
import type { Address } from '../../base/kmip-address.ts'
import type { Findings } from './doctor-findings.ts'

/** The IP addresses of a name. Rejects if DNS does not have it. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** An IP address of the host that accepts connections. */
export interface Reached {
  readonly ip: string
  readonly connectMs: number
}

/** Where the host accepts connections. Nowhere: the further checks are skipped. */
export async function reach(
  { host, port }: Address,
  findings: Findings,
  { timeoutMs, resolve }: { readonly timeoutMs: number; readonly resolve: Resolve },
): Promise<readonly Reached[]> {
  const addresses = await addressesOf(host, findings, resolve)
  const tried = await Promise.all(addresses.map(async (address) => tryTcp(address, port, timeoutMs)))
  const open = tried.filter(({ trouble }) => trouble === undefined)
  for (const { address, code, trouble } of tried) {
    if (trouble === undefined) continue
    const where = address === host ? `port ${port}` : `${address} port ${port}`
    if (open.length === 0) findings.fault('reach', `${where}: ${trouble}`, mendOf(code, port))
    else
      findings.warning(
        'reach',
        `${where}: ${trouble}, although the name ${host} resolves to it too`,
        `A client that resolves the name may get this address. Take it out of DNS, or let the server answer there. ${mendOf(code, port)}`,
      )
  }
  if (open.length > 0 && open.every(({ address }) => isIP(address) === 6))
    findings.note(
      'reach',
      'there is an IPv6 address only, which documentation of vSAN 9.0 calls unsupported for key servers',
      'Give the server an IPv4 address too if vSAN is to use it.',
    )
  return open.map(({ address, ms }) => ({ ip: address, connectMs: ms }))
}

export const resolveByDns: Resolve = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address)

async function addressesOf(host: string, findings: Findings, resolve: Resolve): Promise<readonly string[]> {
  if (isIP(host)) return [host]
  try {
    return [...new Set(await resolve(host))]
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined
    findings.fault(
      'reach',
      `${host}: ${code === 'EAI_AGAIN' ? 'the name could not be resolved: DNS does not answer' : 'the name is not known to DNS'}`,
      'Correct the name in vCenter (Key Providers > the server > Edit), or DNS; vCenter and each vSAN host resolve it themselves. ' +
        'With an IP address instead of the name, DNS is not needed, which also helps on the day when everything starts from cold.',
    )
    return []
  }
}

interface Tried {
  readonly address: string
  readonly ms: number
  readonly code?: string | undefined
  readonly trouble?: string
}

function tryTcp(address: string, port: number, timeoutMs: number): Promise<Tried> {
  return new Promise((resolve) => {
    const begunMs = performance.now()
    const socket = connect({ host: address, port })
    const done = (code?: string, trouble?: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ address, ms: performance.now() - begunMs, code, ...(trouble !== undefined && { trouble }) })
    }
    const timer = setTimeout(() => done('TIMEOUT', `no answer within ${timeoutMs / 1000} s`), timeoutMs)
    socket.once('connect', () => done())
    socket.once('error', (error: NodeJS.ErrnoException) =>
      done(error.code, connectionTrouble(error, error.code)),
    )
  })
}

function mendOf(code: string | undefined, port: number): string {
  if (code === 'ECONNREFUSED')
    return (
      `Start the key server, or correct the port: KMIP is ${port === 5696 ? 'there as a rule' : '5696 as a rule'}. Mortise's is kmip.listen, and ` +
      'mortise status tells whether it runs. A firewall that rejects looks the same.'
    )
  if (code === 'TIMEOUT' || code === 'ETIMEDOUT')
    return (
      `A firewall on the way drops it, or no machine has this address. Open TCP ${port} from vCenter, and for vSAN from ` +
      'each ESXi host.'
    )
  return `Look at routes and firewalls between here and there: TCP ${port} must pass, from vCenter and for vSAN from each ESXi host.`
}
