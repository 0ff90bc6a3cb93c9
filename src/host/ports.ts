// Opens what the core needs, by the configuration: the machine's clock, the SQLite store in the data folder, and root
// keys by URI. Part of the composition root.

import type { RootKeys } from '../core/ports/root-keys.ts'
import type { CorePorts } from '../core/server/core.ts'
import type { Clock } from '../core/ports/clock.ts'
import type { RootKeyFileReads } from '../outside/rootkey/file-reads.ts'
import { openRootKey } from '../outside/rootkey/open.ts'
import type { Log } from '../core/ports/log.ts'
import type { Metrics } from '../outside/telemetry/metrics.ts'
import { noTraces, type Traces } from '../outside/telemetry/traces.ts'
import { refuseLostDatabase } from '../core/server/anchor.ts'
import { readMachine } from '../core/server/machine-id.ts'
import { serverRootKeys } from './root-keys/root-keys.ts'
import type { Settings } from './settings.ts'
import type { CommitWatch } from '../outside/store/database-store.ts'
import type { StoreThreads } from '../outside/store/threads.ts'
import { openStore, storePlaceOf, type OwnPlace } from './store-place.ts'
import { FollowingClock, systemClock } from './system-clock.ts'
import { serviceInstanceOf } from './root-keys/ibm.ts'
import { openRootKeyServices } from './root-keys/root-key-opening.ts'

export interface PortOptions {
  readonly settings: Pick<Settings, 'now'>
  readonly log: Log
  readonly metrics: Metrics
  /** Left out: none. */
  readonly traces?: Traces
  /** Left out: the system's. */
  readonly machineIdFile?: string
  /** Left out: the node's own. */
  readonly own?: OwnPlace
  readonly threads?: StoreThreads | undefined
}

export interface OpenedPorts {
  readonly ports: CorePorts
  /** Tries and lists root keys for administrators. */
  readonly rootKeys: RootKeys
  /** All reads of root key files go through it. */
  readonly reads: RootKeyFileReads
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
}

/** Registers what must be closed on `opened`. Rejects with an error whose message says what to do. */
export async function openPorts(options: PortOptions, opened: AsyncDisposableStack): Promise<OpenedPorts> {
  const { settings, log, metrics, traces = noTraces, threads } = options
  const clock = new FollowingClock()
  const { server } = settings.now
  const watching = {
    clock: systemClock,
    onClock: (aheadMs: number) => clock.follow(aheadMs),
    onTrouble: (message: string) => log.error({}, message),
    onNotice: (message: string) => log.warn({}, message),
    onCommit: ({ result, seconds }: Parameters<CommitWatch>[0]) => {
      metrics.commits.observe({ result }, seconds)
      traces.measured('commit', { result }, seconds)
    },
    threads,
  }
  const store = await openStore(server, watching, options.own)
  opened.defer(() => store.close())
  await refuseLostDatabase(store)
  const firstStart = (await store.trustVersion()) === 0
  const { ports, ...rest } = await openRootKeys(options, clock, opened, firstStart)
  const durableReads = () => settings.now.audit.reads === 'durable'
  // A database is used from several machines, a file from one.
  const embedded = storePlaceOf(server).kind === 'sqlite'
  const machine = embedded ? await readMachine(options.machineIdFile) : null
  return { ...rest, ports: { ...ports, clock, store, machine, log, metrics, durableReads } }
}

async function openRootKeys(
  { settings, metrics, traces = noTraces, log }: PortOptions,
  clock: Clock,
  opened: AsyncDisposableStack,
  create: boolean,
) {
  const { server } = settings.now
  const { opening, ibm, warnings } = await openRootKeyServices(settings.now, { clock, log }, opened)
  const rootKey = await openRootKey(server.rootKey, { ...opening, create })
  const warn = (message: string) => log.warn({}, message)
  const { speaksForItself } = ibm
  const rootKeys = serverRootKeys({ own: rootKey, opening, speaksForItself, metrics, traces, clock, warn })
  const source: CorePorts['rootKeys'] = {
    open: rootKeys.open,
    serviceOf: serviceInstanceOf,
    calls: ibm.calls,
    connect: ibm.connect,
    forget: (instanceId) => ibm.sessions.forget(instanceId),
  }
  const allWarnings = [...warnings, ...rootKey.warnings]
  return { ports: { rootKey, rootKeys: source }, rootKeys, reads: opening.reads, warnings: allWarnings }
}
