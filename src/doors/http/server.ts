// The HTTPS server of the admin API, with bounds on connections, headers, slow senders and idle time.
// places.ts decides which connection closes when there are too many, and application.ts makes the answers.

import { createServer, type Server } from 'node:https'
import { isIPv6, type AddressInfo, type Socket } from 'node:net'
import { getRequestListener, RequestError } from '@hono/node-server'
import { adminIdleTimeoutMs } from './bounds.ts'
import { AdminArrivals } from './arrivals.ts'
import { createApplication, type ApplicationOptions } from './application.ts'
import { Admission } from '../admission/admission.ts'
import { adminPlaces, Places, type AdminHolder } from '../admission/places.ts'
import type { Audit } from '../../core/audit/audit.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { statusOf, type ErrorCode } from '../../base/refusal.ts'
import type { AdminMetrics } from './metrics.ts'
import { AdminRefusals } from './refusals.ts'
import { SchemaThread, type SchemaThreadOptions } from './schema-thread.ts'

/** How long a client may take to send a request. */
export const adminRequestTimeoutMs = 30_000
/** From a TCP connection to the end of its TLS handshake. */
export const adminHandshakeTimeoutMs = 5_000
/** From the handshake, or from a request's first byte, to the end of the request's headers. */
export const adminHeadersTimeoutMs = 10_000
/** Running requests have this long when the server stops. */
const adminCloseGraceMs = 5_000
export const adminHeaderBytesMax = 16 * 1024
/** Connections to the admin API: of all, and of one subnet. */
export const adminConnectionsMax = 256
export const adminConnectionsPerAddressMax = 64
/** Requests of one connection that are being answered. Browsers, proxies and the command line wait for each answer. */
export const adminRequestsPipelinedMax = 4

export interface AdminOptions {
  readonly host: string
  /** 0: the system picks a free port. */
  readonly port: number
  /** PEM; the certificate's chain may follow it. */
  readonly tls: AdminTls
  /** Host names accepted besides localhost and the server's addresses. */
  readonly hosts: readonly string[]
  readonly routes: ApplicationOptions['routes']
  readonly authentication: ApplicationOptions['authentication']
  readonly gate: ApplicationOptions['gate']
  readonly audit: Audit
  readonly clock: Clock
  readonly console?: ApplicationOptions['console']
  /** A shorter timeout for tests; default adminHandshakeTimeoutMs. */
  readonly handshakeTimeoutMs?: number
  /** How long a client may take to send a request; default adminRequestTimeoutMs. */
  readonly requestTimeoutMs?: number
  /** Connections are bounded per subnet: an IPv4 address, or the /64 of an IPv6 address. */
  readonly subnetOf: (address: string) => string
  /** The doors of this process share it; left out: this one has its own. */
  readonly admission?: Admission
  readonly metrics: AdminMetrics
  readonly onAnswer?: ApplicationOptions['onAnswer']
  readonly onFailure: ApplicationOptions['onFailure']
  /** Others for tests. */
  readonly schemaThread?: SchemaThreadOptions
}

export interface AdminTls {
  readonly key: string | Buffer
  readonly cert: string | Buffer
}

export interface AdminServer {
  /** The URL for clients on this machine: `https://127.0.0.1:5697`. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** For new connections; open ones are not affected. */
  setTls(tls: AdminTls): void
  /** Replaces the accepted host names, from the next request on. */
  setHosts(hosts: readonly string[]): void
  /** Accepts no new requests, waits briefly for the running ones, and closes. */
  close(): Promise<void>
}

/** Listens. Rejects with the system's error (EADDRINUSE, EACCES) if it cannot. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const hosts = new Set<string>()
  const setHosts = (names: readonly string[]): void => {
    hosts.clear()
    for (const name of ['localhost', options.host, ...names]) hosts.add(name.toLowerCase())
  }
  setHosts(options.hosts)
  const failed = (error: unknown) => options.onFailure(error, { route: 'none', requestId: 'none' })
  const refusals = new AdminRefusals({ ...options, failed })
  const admission = options.admission ?? new Admission({ now: () => performance.now() })
  const arrivals = new AdminArrivals(admission, { subnetOf: options.subnetOf })
  const onAuthenticated = (subnet: string) => arrivals.authenticated(subnet)
  const schemaThread = new SchemaThread({ ...options.schemaThread, failed })
  const parts = { admission, hosts, refusals, onAuthenticated, schemaThread }
  const application = createApplication({ ...options, ...parts })
  const requestTimeout = options.requestTimeoutMs ?? adminRequestTimeoutMs
  const listener = getRequestListener(application.fetch, {
    overrideGlobalObjects: false,
    errorHandler: (error) => answerWithoutUrl(error, failed),
  })
  const server = createServer({
    ...options.tls,
    minVersion: 'TLSv1.2',
    handshakeTimeout: options.handshakeTimeoutMs ?? adminHandshakeTimeoutMs,
    maxHeaderSize: adminHeaderBytesMax,
    // A request without Host makes no URL, and is answered as such.
    requireHostHeader: false,
    requestTimeout,
    headersTimeout: Math.min(requestTimeout, adminHeadersTimeoutMs),
    connectionsCheckingInterval: requestTimeout / 10,
  })
  arrivals.watch(server, options.handshakeTimeoutMs ?? adminHandshakeTimeoutMs)
  const connections = boundConnections(server, options)
  server.on('request', (incoming, outgoing) => {
    if (!incoming.socket.destroyed) void listener(incoming, outgoing)
  })
  server.setTimeout(adminIdleTimeoutMs)
  server.on('clientError', answerUnread)
  // A handshake that fails is the client's affair; without this handler its socket would stay open.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  await listening(server, options.host, options.port)
  const { port } = server.address() as AddressInfo
  return {
    url: `https://${reachable(options.host)}:${port}`,
    host: options.host,
    port,
    setHosts,
    setTls: (tls) => server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' }),
    close: async () => {
      await closed(server, connections)
      await schemaThread.close()
      await refusals.close()
    },
  }
}

interface Connections {
  /** Closes the connections without a request at this moment, also before their handshake is done. */
  cutIdle(): void
  cutAll(): void
}

function boundConnections(server: Server, { subnetOf, metrics }: AdminOptions): Connections {
  const places = new Places<HeldSocket>({
    max: adminConnectionsMax,
    perSubnetMax: adminConnectionsPerAddressMax,
    policy: adminPlaces(),
  })
  const held = new Map<string, HeldSocket>()
  const cut = (holder: HeldSocket): void => {
    places.remove(holder)
    holder.socket.destroy()
  }
  // Destroying the socket ends the TLS socket on it too.
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    const holder = {
      socket,
      subnet: subnetOf(socket.remoteAddress ?? 'gone'),
      hasRequested: false,
      running: 0,
    }
    held.set(name, holder)
    socket.once('close', () => {
      places.remove(holder)
      held.delete(name)
    })
    const offer = places.offer(holder.subnet)
    if (offer.place !== 'free') metrics.connectionsDisplaced.inc()
    if (offer.place === 'taken-from') cut(offer.holder)
    if (offer.place === 'none') socket.destroy()
    else places.add(holder)
  })
  const progressed = (holder: HeldSocket | undefined) => holder && places.moveToEnd(holder)
  server.on('secureConnection', (socket) => progressed(held.get(nameOf(socket))))
  server.on('request', (incoming, outgoing) => {
    const holder = held.get(nameOf(incoming.socket))
    if (!holder) return
    holder.hasRequested = true
    holder.running += 1
    outgoing.once('close', () => {
      holder.running -= 1
      progressed(holder)
    })
    // Answers are made at once, and wait in memory for those before them.
    if (holder.running > adminRequestsPipelinedMax) incoming.socket.destroy()
  })
  return {
    cutIdle: () => [...places].filter(({ running }) => running === 0).forEach(cut),
    cutAll: () => [...held.values()].forEach(cut),
  }
}

interface HeldSocket extends AdminHolder {
  readonly socket: Socket
  hasRequested: boolean
  running: number
}

/** A name that the TCP socket and the TLS socket on it share. */
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
    const cut = setTimeout(() => connections.cutAll(), adminCloseGraceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    connections.cutIdle()
  })
}

/** A server that listens on all addresses also listens on the loopback address. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return isIPv6(host) ? `[${host}]` : host
}

/** Answers a request whose path and Host make no URL: no route has it. Any other error is a bug. */
function answerWithoutUrl(error: unknown, failed: (error: unknown) => void): Response {
  const isRequest = error instanceof RequestError
  if (!isRequest) failed(error)
  const code = isRequest ? 'bad-request' : 'internal'
  const message = isRequest
    ? 'the path and the Host header make no URL'
    : 'something went wrong in the server'
  return Response.json({ error: { code, message, requestId: 'none' } }, { status: statusOf[code] })
}

/** Answers bytes that are no HTTP request, or did not come in time, in the same shape as every other error. */
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
  'headers-too-large': `the headers have more than ${adminHeaderBytesMax} bytes`,
  'timed-out': 'the request did not come in time',
}
