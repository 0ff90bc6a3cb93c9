// The metrics that Prometheus reads. Each server has a registry of its own, so that two servers in one process (tests) do not
// count together. labels.ts has every label.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { closedKeysMax } from '../../base/bounds.ts'
import type { LabelName } from './labels.ts'

/** The bounds of a histogram's buckets, in seconds. They are few, since each operation and route has buckets for each of its results. */
const secondsBuckets = [0.001, 0.01, 0.1, 1, 10]

/** Lets the compiler check that labels.ts has these labels. */
const names = <const L extends readonly LabelName[]>(labels: L): L => labels

export type Metrics = ReturnType<typeof createMetrics>

let processRegistry: Registry | undefined

/**
 * prom-client's metrics of this process. All servers in the process share them: prom-client watches the event loop and the garbage collection
 * until the process ends, so Mortise starts it once.
 */
function metricsOfProcess(): Registry {
  if (!processRegistry) collectDefaultMetrics({ register: (processRegistry = new Registry()) })
  return processRegistry
}

export function createMetrics() {
  const registry = Registry.merge([metricsOfProcess()])
  const registers = [registry]
  return {
    registry,
    /** Duration of each batch item, by operation and result (success or result reason). */
    operations: new Histogram({
      name: 'mortise_kmip_operation_seconds',
      help: 'Time to answer a KMIP operation, by operation and result.',
      labelNames: names(['operation', 'result']),
      buckets: secondsBuckets,
      registers,
    }),
    /** Duration of each call of a root key or its standard keys. The result is ok, or the scope of the refusal. */
    rootKeyCalls: new Histogram({
      name: 'mortise_root_key_seconds',
      help: 'Time of each call of a root key, by call (wrap, unwrap, rewrap, metadata; create, read, delete, find for standard keys) and result.',
      labelNames: names(['call', 'result']),
      buckets: secondsBuckets,
      registers,
    }),
    dataKeyUses: new Counter({
      name: 'mortise_data_key_uses_total',
      help: 'Uses of data keys, by source: cache, outage (cache while the root key cannot be reached), root-key.',
      labelNames: names(['source']),
      registers,
    }),
    upstreamAsks: new Counter({
      name: 'mortise_upstream_asks_total',
      help: 'Requests for objects that an upstream was asked for, by result.',
      labelNames: names(['result']),
      registers,
    }),
    commits: new Histogram({
      name: 'mortise_store_commit_seconds',
      help: 'Time to commit a change to the store, by result.',
      labelNames: names(['result']),
      buckets: secondsBuckets,
      registers,
    }),
    peers: new Counter({
      name: 'mortise_kmip_peers_total',
      help: 'Peers that completed a TLS handshake, by result: trusted, or the reason why not.',
      labelNames: names(['result']),
      registers,
    }),
    adminRequests: new Histogram({
      name: 'mortise_admin_request_seconds',
      help: 'Time to answer a request of the admin API, by route and status.',
      labelNames: names(['route', 'status']),
      buckets: secondsBuckets,
      registers,
    }),
    ...counters(registers),
    state: stateGauges(registry),
  }
}

function counters(registers: Registry[]) {
  return {
    workerEnds: new Counter({
      name: 'mortise_worker_ends_total',
      help: 'Processes that serve KMIP (server.workers) that ended and were replaced.',
      registers,
    }),
    adminConnectionsDisplaced: new Counter({
      name: 'mortise_admin_connections_displaced_total',
      help: 'Connections to the admin API that were closed to make room for another.',
      registers,
    }),
  }
}

/** The state of the server. The handler of /metrics (features/status/watch.ts) sets these gauges before it reads the registry. */
function stateGauges(registry: Registry) {
  const { gauge, labelled } = gaugesOf(registry)
  return {
    ready: gauge('ready', 'Whether this node can serve (1) or not (0).'),
    storeWritable: gauge('store_writable', 'Whether changes can be committed (1) or are refused (0).'),
    ...rootKeyGauges(registry),
    workers: gauge('workers', 'Processes that are to serve KMIP (server.workers).'),
    workersServing: gauge('workers_serving', 'Processes that serve KMIP.'),
    tamperingAlarms: gauge(
      'tampering_alarms',
      'How often the server found altered rows and keys since its start.',
    ),
    conditions: new Gauge({
      name: 'mortise_conditions',
      help: 'Conditions that hold, by id and severity; docs/conditions.md says what each means. `mortise status` shows them.',
      labelNames: names(['id', 'severity']),
      registers: [registry],
    }),
    instances: gauge('instances', 'Instances.'),
    clients: gauge('clients', 'Trusted clients of all instances.'),
    blocks: gauge('blocked_certificates', 'Certificates that are refused for good.'),
    objects: labelled('objects', 'Keys and other objects of all instances, by state.', 'state'),
  }
}

/** The state of the instances' root keys and of their services. */
function rootKeyGauges(registry: Registry) {
  const { gauge, labelled } = gaugesOf(registry)
  return {
    rootKeys: labelled(
      'root_keys',
      'Instances by the last result of their root key: ok, unreachable, withdrawn, or failing (keys do not open for another reason).',
      'condition',
    ),
    degradedInstances: gauge('degraded_instances', 'Instances whose root key cannot be used.'),
    closedKeys: gauge(
      'closed_keys',
      `Keys that did not open when a client last asked for them, though their root key answers: most likely deleted at its service. Up to ${closedKeysMax} of each instance.`,
    ),
    newKeysRefused: gauge(
      'new_keys_refused',
      "Instances whose last new key the root key's service refused to keep (custody keyprotect).",
    ),
    standardKeysLeft: gauge(
      'standard_keys_left',
      "Standard keys that Mortise has yet to delete at their root key's service.",
    ),
    readsRefused: gauge(
      'reads_refused',
      "Instances whose keys cannot be read at their root key's service, though the root key answers (custody keyprotect).",
    ),
    callsRunning: labelled(
      'root_key_calls_running',
      'Running calls of Key Protect and HPCS, by lane: reads (a Get waits for them) or others.',
      'lane',
    ),
    callsWaiting: labelled(
      'root_key_calls_waiting',
      'Waiting calls of Key Protect and HPCS, by lane.',
      'lane',
    ),
    closingsUnrecorded: gauge(
      'closings_unrecorded',
      "Instances with revoked keys that the root key's service does not yet record as revoked.",
    ),
    otherServers: gauge('other_servers', 'Instances that another server also uses.'),
  }
}

function gaugesOf(registry: Registry) {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name: `mortise_${name}`, help, registers })
  const labelled = <L extends LabelName>(name: string, help: string, label: L) =>
    new Gauge<L>({ name: `mortise_${name}`, help, labelNames: [label], registers })
  return { gauge, labelled }
}

/** The counters of the KMIP listener, by the listener's names for them. Each has its help text, then its labels. */
const listenerCounters = {
  connections_accepted: ['TCP connections that were accepted.'],
  connections_refused: ['Connections closed before the handshake, by reason.', 'reason'],
  connections_displaced: [
    'Connections closed to make room for an address with fewer connections, or for another one of their address.',
  ],
  connections_without_hello: ['Connections that ended before their handshake began, by reason.', 'reason'],
  handshakes: [
    'TLS handshakes, by result, version and whether a session was resumed.',
    'result',
    'version',
    'resumed',
  ],
  connections_closed: ['Connections that ended after their handshake, by reason.', 'reason'],
  messages: ['KMIP messages read, by encoding.', 'encoding'],
  messages_unreadable: ['Messages that could not be read, by reason.', 'reason'],
  answers_failed: ['Requests that ended in an error of the server.'],
} as const satisfies Record<string, readonly [help: string, ...labels: LabelName[]]>

export const listenerGauges = {
  connections: 'Connections that are open.',
  handshakes_waiting: 'Handshakes that wait for their turn.',
  handshakes_active: 'Handshakes in progress.',
  requests_running: 'Requests in progress.',
  bytes_buffered: 'Bytes that the server holds for connections: large messages and answers, and what waits.',
} as const

/** The functions by which the KMIP listener counts, and sets its gauges. It has names of its own for them (`listenerCounters`). */
export function listenerMetrics({
  registry,
  peers,
  operations,
}: Pick<Metrics, 'registry' | 'peers' | 'operations'>) {
  const registers = [registry]
  const counters = new Map(
    Object.entries(listenerCounters).map(([name, [help, ...labelNames]]) => {
      return [name, new Counter<string>({ name: `mortise_kmip_${name}_total`, help, labelNames, registers })]
    }),
  )
  return {
    count(name: keyof typeof listenerCounters, labels: Readonly<Record<string, string>>): void {
      counters.get(name)?.inc(labels)
    },
    peer: (result: string): void => peers.inc({ result }),
    operation: (done: {
      readonly operation: string | null
      readonly result: string
      readonly seconds: number
    }): void =>
      operations.observe({ operation: done.operation ?? 'unknown', result: done.result }, done.seconds),
    gauge(name: keyof typeof listenerGauges, read: () => number): void {
      const options = { name: `mortise_kmip_${name}`, help: listenerGauges[name], registers }
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
