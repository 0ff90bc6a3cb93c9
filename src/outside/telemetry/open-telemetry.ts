// OpenTelemetry traces, for an engineer who wants to see where the time of a request goes: a span for each KMIP message, and within it one
// for each operation and each call of a root key; others for commits and for requests of the admin API. A span never holds key bytes or
// the identifier of an object, and names the client only where the configuration says so. The server drops spans that it cannot send: no
// request waits for a receiver.

import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { SpanAttributes, Traces } from './traces.ts'

export interface TraceOptions {
  /** The URL of a receiver of OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces. */
  readonly endpoint: string
  /** How many of a hundred messages Mortise traces. */
  readonly percent: number
  /** Spans name the client: its address and the hash of its certificate. */
  readonly identities: boolean
  readonly version: string
  /** The name of this server among others. */
  readonly node: string
  /** Called when spans could not be sent; they are lost. */
  readonly onFailure: (error: unknown) => void
}

/** `close` sends the spans that wait, within a few seconds. */
export async function openTraces(options: TraceOptions): Promise<Traces & { close(): Promise<void> }> {
  const { endpoint: url, percent, identities, version, node, onFailure } = options
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: sendTimeoutMs })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'mortise',
      'service.version': version,
      'service.instance.id': node,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(percent / 100) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: {
          export: (spans, done) =>
            exporter.export(spans, (result) => {
              if (result.error !== undefined) onFailure(result.error)
              done(result)
            }),
          shutdown: () => exporter.shutdown(),
        },
      }),
    ],
  })
  return new OpenedTraces(provider.getTracer('mortise'), identities, () =>
    provider.shutdown().catch(onFailure),
  )
}

const sendTimeoutMs = 5_000

class OpenedTraces implements Traces {
  readonly #running = new AsyncLocalStorage<Context>()
  readonly #tracer: Tracer
  readonly #identities: boolean
  readonly close: () => Promise<void>

  constructor(tracer: Tracer, identities: boolean, close: () => Promise<void>) {
    this.#tracer = tracer
    this.#identities = identities
    this.close = close
  }

  async within<T>(name: string, who: SpanAttributes, act: () => Promise<T>): Promise<T> {
    const attributes = this.#identities ? who : {}
    const span = this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, ROOT_CONTEXT)
    try {
      return await this.#running.run(trace.setSpan(ROOT_CONTEXT, span), act)
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  }

  measured(name: string, attributes: SpanAttributes, seconds: number): void {
    const endMs = Date.now()
    const startTime = endMs - 1000 * seconds
    const parent = this.#running.getStore() ?? ROOT_CONTEXT
    this.#tracer.startSpan(name, { attributes, startTime }, parent).end(endMs)
  }
}
