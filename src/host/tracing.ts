// Opens the traces that the configuration asks for. Part of the composition root.

import { hostname } from 'node:os'
import type { Config } from '../outside/config/options.ts'
import type { Log } from '../core/ports/log.ts'
import { noTraces, type Traces } from '../outside/telemetry/traces.ts'

/** How often the log tells that they cannot be sent. */
const tracesTroubleEveryMs = 60_000

/** Spans that wait are sent when the stack is disposed of. */
export async function openTracing(
  {
    config: { traces, server },
    log,
    version,
  }: { readonly config: Config; readonly log: Log; readonly version: string },
  opened: AsyncDisposableStack,
): Promise<Traces> {
  const { endpoint, percent, identities } = traces
  if (endpoint === null) return noTraces
  // Only here: it takes a tenth of a second to load.
  const { openTraces } = await import('../outside/telemetry/open-telemetry.ts')
  let toldMs = -Infinity
  const onFailure = (error: unknown): void => {
    if (performance.now() - toldMs < tracesTroubleEveryMs) return
    toldMs = performance.now()
    log.warn({ error, endpoint }, 'traces could not be sent, and are lost')
  }
  const node = server.node === '' ? hostname() : server.node
  const open = await openTraces({ endpoint, percent, identities, version, node, onFailure })
  opened.defer(() => open.close())
  return open
}
