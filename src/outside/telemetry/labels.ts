// Every label of the metrics, with the source of its values. The values come from closed tables, so a label never holds a
// client's name, an identifier or anything else that a peer can choose, and the number of series stays bounded.
// docs/monitoring.md is printed from this table.

import type { MetricForm } from '../../base/metric.ts'

export const labels = {
  call: 'the call of a root key: wrap, unwrap, rewrap, metadata; create, read, delete, find (standard keys)',
  condition:
    'the last result of a root key: ok, unreachable (no answer), withdrawn (refused), failing (keys do not open for another reason)',
  encoding: 'the encoding of a KMIP message: ttlv, xml or json',
  id: 'the id of a condition, from the table in docs/conditions.md',
  kind: 'the kind of certificate: client, client-ca, server, server-ca, admin',
  lane: 'reads (a Get waits for the call) or others',
  limit: 'objects or bytes: the limits of an instance',
  operation: 'the name of a KMIP operation; unknown: KMIP has no such operation',
  reason:
    'why a connection or a message ended. Refused before TLS: full (all places taken), address (too many from one address), not-tls, closing (the server stops), proxy-header (a load balancer in kmip.proxyProtocolFrom sent none that is valid). Without a ClientHello: gone, timeout. After the handshake: peer (the peer ended it), answered, unreadable, idle, message-timeout, write-timeout, answer-timeout, answer-failed (a fault of the server), reply-timeout (a client with the server role did not answer), no-data (its records brought no data, as key updates of TLS do), no-room (no memory was left for bytes that waited on it), displaced, closing. Messages: malformed, too-large, untrusted (too large for a peer that is not trusted), unavailable (so large, and the store does not say whether the peer is trusted), busy (no memory left for it, or too much of its client waits already)',
  result:
    'KMIP operations: success, undone, or a KMIP result reason. Root keys: ok, failed, or the scope of the refusal (unreachable, root-key, call, wrapped-form). Commits: done, conflict, full, busy, unavailable, failed. Peers: trusted, or why not (unknown, no certificate, blocked, expired, not yet valid). Handshakes: ok, failed. Upstreams: adopted, absent (not there either), unanswered, refused (not handed out, or cannot be stored), failed, busy (too many asked)',
  resumed: 'true: the handshake resumed a TLS session; false: it was a full one',
  route: 'the name of a route of the admin API; none: there is no such route',
  severity: 'the severity of a condition: critical, warning or notice',
  source: 'cache, outage (the cache, while the root key cannot be reached) or root-key',
  state: 'a KMIP state: PreActive, Active, Deactivated, Compromised, Destroyed, DestroyedCompromised',
  status: 'an HTTP status',
  target: 'a target of the audit log: syslog or file',
  version: 'a TLS version; unknown: the handshake failed',
} as const

/** Metrics by the names that the code has for them. */
export type MetricTable = Readonly<
  Record<string, MetricForm<'counter' | 'gauge' | 'histogram', keyof typeof labels>>
>
