// The metrics that Prometheus reads. Each server has a registry of its own, so that two servers in one process (tests) do not
// count together. labels.ts has every label. The metrics of features and of both doors join the registry later (program/).

import { Registry, collectDefaultMetrics } from 'prom-client'
import { closedKeysMax } from '../../base/bounds.ts'
import { counter, gauge, histogram } from '../../base/metric.ts'
import { coreMetrics } from '../../core/ports/metrics.ts'
import { metricsIn } from './metric-table.ts'

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = Registry.merge([metricsOfProcess()])
  return {
    registry,
    ...metricsIn(registry, { ...coreMetrics, ...serverMetrics }),
    state: metricsIn(registry, stateGauges),
  }
}

let processRegistry: Registry | undefined

/**
 * prom-client's metrics of this process. All servers in the process share them: prom-client watches the event loop and the garbage collection
 * until the process ends, so Mortise starts it once.
 */
function metricsOfProcess(): Registry {
  if (!processRegistry) collectDefaultMetrics({ register: (processRegistry = new Registry()) })
  return processRegistry
}

/** The counters and histograms of the store, the root keys and the workers. */
const serverMetrics = {
  /** Duration of each call of a root key or its standard keys. The result is ok, or the scope of the refusal. */
  rootKeyCalls: histogram(
    'root_key_seconds',
    'Time of each call of a root key, by call (wrap, unwrap, rewrap, metadata; create, read, delete, find for standard keys) and result.',
    'call',
    'result',
  ),
  commits: histogram('store_commit_seconds', 'Time to commit a change to the store, by result.', 'result'),
  workerEnds: counter(
    'worker_ends_total',
    'Processes that serve KMIP (server.workers) that ended and were replaced.',
  ),
}

/** The state of the instances' root keys and of their services. */
const rootKeyGauges = {
  rootKeys: gauge(
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
  callsRunning: gauge(
    'root_key_calls_running',
    'Running calls of Key Protect and HPCS, by lane: reads (a Get waits for them) or others.',
    'lane',
  ),
  callsWaiting: gauge('root_key_calls_waiting', 'Waiting calls of Key Protect and HPCS, by lane.', 'lane'),
  closingsUnrecorded: gauge(
    'closings_unrecorded',
    "Instances with revoked keys that the root key's service does not yet record as revoked.",
  ),
  otherServers: gauge('other_servers', 'Instances that another server also uses.'),
}

/** The state of the server. The handler of /metrics (features/status/watch.ts) sets these gauges before it reads the registry. */
const stateGauges = {
  ready: gauge('ready', 'Whether this node can serve (1) or not (0).'),
  storeWritable: gauge('store_writable', 'Whether changes can be committed (1) or are refused (0).'),
  ...rootKeyGauges,
  workers: gauge('workers', 'Processes that are to serve KMIP (server.workers).'),
  workersServing: gauge('workers_serving', 'Processes that serve KMIP.'),
  tamperingAlarms: gauge(
    'tampering_alarms',
    'How often the server found altered rows and keys since its start.',
  ),
  conditions: gauge(
    'conditions',
    'Conditions that hold, by id and severity; docs/conditions.md says what each means. `mortise status` shows them.',
    'id',
    'severity',
  ),
  instances: gauge('instances', 'Instances.'),
  clients: gauge('clients', 'Trusted clients of all instances.'),
  blocks: gauge('blocked_certificates', 'Certificates that are refused for good.'),
  objects: gauge('objects', 'Keys and other objects of all instances, by state.', 'state'),
}
