// Connections from the load balancers that the administrator lists. Each must begin with a PROXY protocol header, and then counts as a
// connection of the client that the header names. The server does not read a header from any other address: there it is bytes that are
// not TLS. Connections wait for their header here, before they take a place of their client, so the bounds of this file protect against
// the load balancer itself.

import { BlockList, isIPv6, type Socket } from 'node:net'
import { plainAddress } from '../../base/address.ts'
import type { ListenerMetrics } from './contract.ts'
import type { ListenerLimits } from './listener-limits.ts'
import type { Notices } from '../../core/server/notices.ts'
import { readProxyHeader, type HeaderFault, type ProxySource } from './proxy-header.ts'

export interface ProxiedConnectionsOptions {
  /** Addresses, or subnets such as `10.1.0.0/16`. */
  readonly from: readonly string[]
  readonly limits: ListenerLimits
  readonly now: () => number
  readonly notices: Notices
  readonly metrics: ListenerMetrics
  /** Called with each connection whose header is read. `raw` still has the bytes behind the header; it flows again after the call. */
  onSource(raw: Socket, source: ProxySource): void
}

interface Waiting {
  readonly balancer: ProxySource
  readonly since: number
  seen: Buffer
}

type Fault = HeaderFault | 'late' | 'too-many'

const sendIt = 'set it to send version 2 (HAProxy: send-proxy-v2)'
const refusals: Readonly<Record<Fault, string>> = {
  missing: `a load balancer in kmip.proxyProtocolFrom sent no PROXY protocol header: ${sendIt}, or take it off the list`,
  'version-1': `a load balancer sent a PROXY protocol header of version 1: ${sendIt}`,
  malformed: 'a load balancer sent a malformed PROXY protocol header',
  'no-address': 'a load balancer sent a PROXY protocol header without the address of a TCP client',
  'too-long': 'a load balancer sent a PROXY protocol header that is too long: have it add less',
  late: 'a load balancer sent no whole PROXY protocol header in time',
  'too-many': 'too many connections of load balancers wait for their PROXY protocol header',
}

export class ProxiedConnections {
  readonly #options: ProxiedConnectionsOptions
  readonly #listed: BlockList
  /** In order of arrival. */
  readonly #waiting = new Map<Socket, Waiting>()

  constructor(options: ProxiedConnectionsOptions) {
    this.#options = options
    this.#listed = listOf(options.from)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  isListed(address: string): boolean {
    return this.#listed.check(address, familyOf(address))
  }

  /** Reads the header of a connection from a listed address. */
  expect(raw: Socket, balancer: ProxySource): void {
    const { now, limits } = this.#options
    const [oldest] = this.#waiting
    if (oldest !== undefined && this.#waiting.size >= limits.proxyHeadersWaitingMax)
      this.#refuse(...oldest, 'too-many')
    const waiting: Waiting = { balancer, since: now(), seen: Buffer.alloc(0) }
    this.#waiting.set(raw, waiting)
    const onData = (chunk: Buffer): void => {
      waiting.seen = Buffer.concat([waiting.seen, chunk])
      const header = readProxyHeader(waiting.seen, limits.proxyHeaderBytesMax)
      if (header.kind === 'incomplete') return
      raw.off('data', onData)
      if (header.kind === 'fault') return this.#refuse(raw, waiting, header.fault)
      this.#waiting.delete(raw)
      this.#handOn(
        raw,
        waiting.seen.subarray(header.bytes),
        header.kind === 'client' ? header.source : balancer,
      )
    }
    raw.on('data', onData)
    raw.on('close', () => {
      if (!this.#waiting.delete(raw)) return
      this.#options.metrics.count('connections_without_hello', { reason: 'gone' })
    })
  }

  sweep(now: number): void {
    for (const [raw, waiting] of this.#waiting) {
      if (now - waiting.since < this.#options.limits.proxyHeaderTimeoutMs) break
      this.#refuse(raw, waiting, 'late')
    }
  }

  /** Destroys the connections that wait, because the listener closes. */
  destroy(): void {
    for (const raw of this.#waiting.keys()) raw.destroy()
  }

  #handOn(raw: Socket, rest: Buffer, source: ProxySource): void {
    raw.pause()
    if (rest.length > 0) raw.unshift(rest)
    this.#options.onSource(raw, source)
    if (!raw.destroyed) raw.resume()
  }

  #refuse(raw: Socket, { balancer }: Waiting, fault: Fault): void {
    const { metrics, notices } = this.#options
    this.#waiting.delete(raw)
    metrics.count('connections_refused', { reason: 'proxy-header' })
    notices.warn(`proxy header ${fault}`, refusals[fault], { address: balancer.address })
    raw.destroy()
  }
}

function listOf(from: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of from) {
    const [address = '', prefix] = text.split('/')
    const plain = plainAddress(address)
    if (prefix === undefined) list.addAddress(plain, familyOf(plain))
    else list.addSubnet(plain, Number(prefix), familyOf(plain))
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}
