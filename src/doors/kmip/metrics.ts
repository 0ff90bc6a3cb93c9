// The metrics of the KMIP door, as tables: those of the answerer, and those of the listener, the values of whose labels are in contract.ts.
// program/kmip-listener.ts makes metrics of them.

import { counter, gauge, histogram, type CountsOf, type MetricForm } from '../../base/metric.ts'
import type { ListenerCounts, ListenerGauge } from './contract.ts'

export type AnswererMetrics = CountsOf<typeof answererMetrics>

export const answererMetrics = {
  /** Duration of each batch item, by operation and result (success or result reason). */
  operations: histogram(
    'kmip_operation_seconds',
    'Time to answer a KMIP operation, by operation and result.',
    'operation',
    'result',
  ),
  peers: counter(
    'kmip_peers_total',
    'Peers that completed a TLS handshake, by result: trusted, or the reason why not.',
    'result',
  ),
}

export const listenerCounters = {
  connections_accepted: counter('kmip_connections_accepted_total', 'TCP connections that were accepted.'),
  connections_refused: counter(
    'kmip_connections_refused_total',
    'Connections closed before the handshake, by reason.',
    'reason',
  ),
  connections_displaced: counter(
    'kmip_connections_displaced_total',
    'Connections closed to make room for an address with fewer connections, or for another one of their address.',
  ),
  connections_without_hello: counter(
    'kmip_connections_without_hello_total',
    'Connections that ended before their handshake began, by reason.',
    'reason',
  ),
  handshakes: counter(
    'kmip_handshakes_total',
    'TLS handshakes, by result, version and whether a session was resumed.',
    'result',
    'version',
    'resumed',
  ),
  connections_closed: counter(
    'kmip_connections_closed_total',
    'Connections that ended after their handshake, by reason.',
    'reason',
  ),
  messages: counter('kmip_messages_total', 'KMIP messages read, by encoding.', 'encoding'),
  messages_unreadable: counter(
    'kmip_messages_unreadable_total',
    'Messages that could not be read, by reason.',
    'reason',
  ),
  answers_failed: counter('kmip_answers_failed_total', 'Requests that ended in an error of the server.'),
} as const satisfies {
  readonly [Name in keyof ListenerCounts]: MetricForm<'counter', LabelsOf<ListenerCounts[Name]>>
}

export const listenerGauges = {
  connections: gauge('kmip_connections', 'Connections that are open.'),
  handshakes_waiting: gauge('kmip_handshakes_waiting', 'Handshakes that wait for their turn.'),
  handshakes_active: gauge('kmip_handshakes_active', 'Handshakes in progress.'),
  requests_running: gauge('kmip_requests_running', 'Requests in progress.'),
  bytes_buffered: gauge(
    'kmip_bytes_buffered',
    'Bytes that the server holds for connections: large messages and answers, and what waits.',
  ),
} as const satisfies Readonly<Record<ListenerGauge, MetricForm<'gauge', never>>>

/** Counters without labels have `Record<string, never>` in the contract. */
type LabelsOf<Values> = string extends keyof Values ? never : keyof Values & string
