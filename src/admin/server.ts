// The admin API's socket: HTTPS with bounds on connections, headers, slow senders and idle time. Whose connection gives
// way when there are too many is decided in connection-slots.ts, and what is answered in application.ts.

import { createServer, type Server } from 'node:https'
import { isIPv6, type AddressInfo, type Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { limits } from '../limits.ts'
import { createApplication, type ApplicationOptions } from './application.ts'
import { ConnectionSlots } from './connection-slots.ts'
import type { AdminContext } from './context.ts'
import { statusOf, type ErrorCode } from './errors.ts'

export interface AdminOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** PEM; the chain behind the certificate may follow it. */
  readonly tls: TlsIdentity
  /** Host names it may be addressed by, besides localhost and the addresses it has. */
  readonly hosts: readonly string[]
  readonly context: AdminContext
  /** Shorter ones for tests; default limits.adminHandshakeTimeoutMs. */
  readonly handshakeTimeoutMs?: number
  /** A request must be whole this long after its connection began to send it; default limits.adminRequestTimeoutMs. */
  readonly requestTimeoutMs?: number
  /** Connections are bounded per subnet: an IPv4 address, or the /64 of an IPv6 address. */
  readonly subnetOf: (address: string) => string
  /** Called for each connection that was closed to make room. */
  readonly displaced?: () => void
  readonly answered: ApplicationOptions['answered']
  readonly failed: ApplicationOptions['failed']
}

export interface TlsIdentity {
  readonly key: string | Buffer
  readonly cert: string | Buffer
}

export interface AdminDoor {
  /** How to reach it from this machine: `https://127.0.0.1:5697`. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** For connections from now on; those that are open stay. */
  setTls(tls: TlsIdentity): void
  /** For requests from now on, instead of those given before. */
  setHosts(hosts: readonly string[]): void
  /** Takes no new requests, waits a little for those that run, closes. */
  close(): Promise<void>
}

/** Listens; rejects with the system's error (EADDRINUSE, EACCES) when it cannot. */
export async function startAdmin(options: AdminOptions): Promise<AdminDoor> {
  const hosts = new Set<string>()
  const setHosts = (names: readonly string[]): void => {
    hosts.clear()
    for (const name of ['localhost', options.host, ...names]) hosts.add(name.toLowerCase())
  }
  setHosts(options.hosts)
  const application = createApplication({ ...options, hosts })
  const requestTimeout = options.requestTimeoutMs ?? limits.adminRequestTimeoutMs
  const listener = getRequestListener(application.fetch, { overrideGlobalObjects: false })
  const server = createServer(
    {
      ...options.tls,
      minVersion: 'TLSv1.2',
      handshakeTimeout: options.handshakeTimeoutMs ?? limits.adminHandshakeTimeoutMs,
      maxHeaderSize: limits.adminHeaderBytesMax,
      requestTimeout,
      headersTimeout: Math.min(requestTimeout, limits.adminHeadersTimeoutMs),
      connectionsCheckingInterval: requestTimeout / 10,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  )
  const connections = boundConnections(server, options)
  server.setTimeout(limits.adminIdleTimeoutMs)
  server.on('clientError', answerUnread)
  // A handshake that failed is the client's affair; without this the socket would linger.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  await listening(server, options.host, options.port)
  const { port } = server.address() as AddressInfo
  return {
    url: `https://${reachable(options.host)}:${port}`,
    host: options.host,
    port,
    setHosts,
    setTls: (tls) => server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
    close: async () => closed(server, connections),
  }
}

interface Connections {
  /** Closes those without a request at this moment, also before their handshake is done. */
  cutIdle(): void
  cutAll(): void
}

function boundConnections(server: Server, { subnetOf, displaced }: AdminOptions): Connections {
  const { adminConnectionsMax: max, adminConnectionsPerAddressMax: perSubnetMax } = limits
  const slots = new ConnectionSlots<string>({ max, perSubnetMax })
  const sockets = new Map<string, Socket>()
  const cut = (name: string): void => {
    slots.remove(name)
    sockets.get(name)?.destroy()
  }
  // Comes after Node's own listener, which wraps the socket: destroying it ends the TLS socket too.
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket
    const name = nameOf(socket)
    sockets.set(name, socket)
    socket.once('close', () => {
      slots.remove(name)
      sockets.delete(name)
    })
    const leaves = slots.add(name, subnetOf(remoteAddress ?? 'gone'))
    if (leaves !== undefined) {
      displaced?.()
      cut(leaves)
    }
  })
  server.on('secureConnection', (socket) => slots.secured(nameOf(socket)))
  server.on('request', (incoming, outgoing) => {
    const name = nameOf(incoming.socket)
    slots.began(name)
    outgoing.once('close', () => slots.ended(name))
  })
  return {
    cutIdle: () => slots.idle().forEach(cut),
    cutAll: () => [...sockets.keys()].forEach(cut),
  }
}

/** The same for a TCP socket and for the TLS socket on it. */
function nameOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return [localAddress, localPort, remoteAddress, remotePort].join(' ')
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function closed(server: Server, connections: Connections): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => connections.cutAll(), limits.adminCloseGraceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    connections.cutIdle()
  })
}

/** Listening everywhere includes the loopback address. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return isIPv6(host) ? `[${host}]` : host
}

/** What is no HTTP request, or did not come in time, is answered in the same shape as everything else. */
function answerUnread(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = unreadCodes[error.code ?? ''] ?? 'bad-request'
  const message = unreadTexts[code] ?? 'this is not an HTTP request'
  const body = JSON.stringify({ error: { code, message, requestId: 'none' } })
  socket.end(
    `HTTP/1.1 ${statusOf[code]} ${code}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const unreadCodes: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'timed-out',
}
const unreadTexts: Partial<Record<ErrorCode, string>> = {
  'headers-too-large': `the headers have more than ${limits.adminHeaderBytesMax} bytes`,
  'timed-out': 'the request did not come in time',
}
