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
    handshakes: new Counter({
      name: 'mortise_kmip_handshakes_total',
      help: 'TLS handshakes of the KMIP door, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    connections: new Gauge({
      name: 'mortise_kmip_connections',
      help: 'KMIP connections that are open.',
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
