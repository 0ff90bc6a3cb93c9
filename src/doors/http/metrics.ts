// The metrics of the admin door, as a table, and the interface by which the door counts. program/serve.ts makes metrics of the table.

import { counter, histogram, type CountsOf } from '../../base/metric.ts'

export type AdminMetrics = CountsOf<typeof adminMetrics>

export const adminMetrics = {
  requests: histogram(
    'admin_request_seconds',
    'Time to answer a request of the admin API, by route and status.',
    'route',
    'status',
  ),
  connectionsDisplaced: counter(
    'admin_connections_displaced_total',
    'Connections to the admin API that were closed to make room for another.',
  ),
}
