// The numbers that Prometheus reads. One registry per server, made here and handed in, so that two servers in one
// process (tests) do not count together. Labels come from closed tables only: no client names, no identifiers.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    /** Seconds from a whole message to its answer, by batch item: operation and result (success or result reason). */
    operations: new Histogram({
      name: 'mortise_kmip_operation_seconds',
      help: 'Time to answer a KMIP operation, by operation and result.',
      labelNames: ['operation', 'result'],
      buckets: secondsBuckets,
      registers,
    }),
    pendingClients: new Gauge({
      name: 'mortise_pending_clients',
      help: 'Unknown certificates that knocked and wait for a decision.',
      registers,
    }),
    adminRequests: new Histogram({
      name: 'mortise_admin_request_seconds',
      help: 'Time to answer a request of the admin door, by route and status.',
      labelNames: ['route', 'status'],
      buckets: secondsBuckets,
      registers,
    }),
  }
}

/** Series of the KMIP door, by the door's own names: help and labels. */
const doorCounters = {
  connections_accepted: ['TCP connections that were accepted.'],
  connections_refused: ['Connections closed before the handshake, by reason.', 'reason'],
  connections_displaced: ['Connections closed to make room for an address that holds fewer.'],
  connections_without_hello: ['Connections that ended before their handshake began, by reason.', 'reason'],
  handshakes: [
    'TLS handshakes, by result, version and whether a session was resumed.',
    'result',
    'version',
    'resumed',
  ],
  connections_closed: ['Connections that ended after their handshake, by reason.', 'reason'],
  messages: ['KMIP messages read.'],
  messages_unreadable: ['Bytes that were not read as a message, by reason.', 'reason'],
  answers_failed: ['Requests that ended in an error of the server.'],
} as const satisfies Record<string, readonly [help: string, ...labels: string[]]>

const doorGauges = {
  connections: 'Connections that are open.',
  handshakes_waiting: 'Handshakes that wait for their turn.',
  handshakes_active: 'Handshakes that are worked on.',
  requests_running: 'Requests that are worked on.',
  bytes_buffered: 'Bytes of requests that are not answered yet.',
} as const

/** What the KMIP door counts with. */
export function doorMetrics({ registry }: Pick<Metrics, 'registry'>) {
  const registers = [registry]
  const counters = new Map(
    Object.entries(doorCounters).map(([name, [help, ...labelNames]]) => {
      return [name, new Counter<string>({ name: `mortise_kmip_${name}_total`, help, labelNames, registers })]
    }),
  )
  return {
    count(name: keyof typeof doorCounters, labels: Readonly<Record<string, string>>): void {
      counters.get(name)?.inc(labels)
    },
    gauge(name: keyof typeof doorGauges, read: () => number): void {
      const options = { name: `mortise_kmip_${name}`, help: doorGauges[name], registers }
      // prom-client binds `this` to the gauge when it collects.
      void new Gauge({
        ...options,
        collect() {
          this.set(read())
        },
      })
    },
  }
}
