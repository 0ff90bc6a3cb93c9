// Opens a listener for KMIP with the core behind it: the server's own, or a worker's for connections that it is handed. Part of the
// composition root.

import type { Config } from '../outside/config/options.ts'
import type { Core } from '../core/server/core.ts'
import { createAnswerer, type AnswererOptions } from '../doors/kmip/answerer.ts'
import type { Admission } from '../doors/admission/admission.ts'
import type {
  ListenerCounts,
  ListenerGauge,
  ListenerMetrics,
  ListenerOptions,
} from '../doors/kmip/contract.ts'
import type { FetchUpstream } from '../core/keys/transaction/missing-object.ts'
import { signRequest } from '../core/pki/issue.ts'
import { messageFirst, type Log } from '../core/ports/log.ts'
import type { Metrics } from '../outside/telemetry/metrics.ts'
import { metricsIn, readingGauge } from '../outside/telemetry/metric-table.ts'
import { answererMetrics, listenerCounters, listenerGauges } from '../doors/kmip/metrics.ts'
import { noTraces, type Traces } from '../outside/telemetry/traces.ts'
import { fipsVersion } from '../host/fips.ts'
import { matchesCredential } from '../core/trust/credential.ts'
import type { ServerTls } from './server-tls.ts'

interface ListenerParts {
  readonly config: Pick<Config, 'kmip' | 'server'>
  readonly tls: ServerTls
  readonly log: Log
  readonly metrics: Metrics
  readonly traces: Traces
  readonly version: string
  /** The doors of this process share it. */
  readonly admission: Admission
  readonly fetchUpstream: FetchUpstream | undefined
  /** Where the answerer notes what an administrator should know; left out: in the core. */
  readonly notes?: Pick<AnswererOptions, 'pending' | 'unservedVersions'>
}

/** Registers on `opened` what must be closed. */
export async function openListener<L extends { close(): Promise<void> }>(
  core: Core,
  { config, tls, log, metrics, traces, version, admission, fetchUpstream, notes }: ListenerParts,
  open: (options: ListenerOptions) => L | Promise<L>,
  opened: AsyncDisposableStack,
): Promise<L> {
  const listenerLog = messageFirst(log)
  // Without traces, an answer from memory needs no promise.
  const isTraced = traces !== noTraces
  const answerer = createAnswerer({
    ...core,
    ...notes,
    ...(fetchUpstream && { fetchUpstream }),
    turns: admission.turns,
    log: listenerLog,
    version,
    protocol: { ...config.kmip, fips: await fipsVersion(config.server.data) },
    matchesCredential,
    isKnownHost: (host) => tls.isKnownHost(host),
    signRequest: (csr) => signRequest({ ca: tls.authority, csr: Buffer.from(csr), nowMs: core.clock.now() }),
    metrics: metricsIn(metrics.registry, answererMetrics),
    ...(isTraced && { onOperation: tracedOperation(traces) }),
  })
  opened.defer(() => answerer.close())
  const listener = await open({
    proxyProtocolFrom: config.kmip.proxyProtocolFrom,
    ...answerer.callbacks,
    ...(isTraced && { answer: traced(answerer.callbacks.answer, traces) }),
    ...tls.certificates.shown,
    log: listenerLog,
    metrics: listenerMetrics(metrics),
    clock: core.clock,
    admission,
  })
  opened.defer(() => listener.close())
  return listener
}

/** Makes the metrics of the KMIP listener in the server's registry, and the functions by which the listener counts. */
export function listenerMetrics({ registry }: Pick<Metrics, 'registry'>): ListenerMetrics {
  const counters: Readonly<
    Record<keyof ListenerCounts, { inc(labels: Readonly<Record<string, string>>): void }>
  > = metricsIn(registry, listenerCounters)
  return {
    count(name: keyof ListenerCounts, labels: Readonly<Record<string, string>>): void {
      counters[name].inc(labels)
    },
    gauge(name: ListenerGauge, read: () => number): void {
      readingGauge(registry, listenerGauges[name], read)
    },
  }
}

function tracedOperation(traces: Traces): NonNullable<AnswererOptions['onOperation']> {
  return ({ operation, result, seconds }) =>
    traces.measured(`KMIP ${operation ?? 'unknown'}`, { result }, seconds)
}

/** Each message is a span. */
function traced(answer: ListenerOptions['answer'], traces: Traces): ListenerOptions['answer'] {
  return (bytes, peer, exchange) => {
    const who = { 'client.address': peer.address, 'tls.client.hash.sha256': peer.certificate?.sha256 ?? '' }
    return traces.within('KMIP message', who, async () => answer(bytes, peer, exchange))
  }
}
