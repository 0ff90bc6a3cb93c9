// The messages between the server and the processes that serve KMIP for it, over a channel that only they have. No secret
// passes: each worker opens the store and the root keys itself. Types only.

import type { ReadinessFacts } from '../../core/server/readiness-facts.ts'
import type { AllConfig } from '../features.ts'
import type { Wire } from '../../doors/kmip/contract.ts'
import type { PendingClient } from '../../core/ports/trust.ts'
import type { MetricsReport } from '../../outside/telemetry/aggregate.ts'
import type { KmipReports } from '../kmip-features.ts'

export interface LogStyle {
  readonly format: 'json' | 'human'
  readonly level: string
}

export interface WorkerStart {
  readonly type: 'start'
  /** Counts from 1. */
  readonly number: number
  /** The number of all workers. */
  readonly count: number
  readonly config: AllConfig
  readonly version: string
  readonly log: LogStyle
}

export type ToWorker =
  | WorkerStart
  /** The socket comes along. */
  | { readonly type: 'connection'; readonly id: number; readonly wire: Wire }
  /** Live options have changed. */
  | { readonly type: 'config'; readonly config: AllConfig }
  /** The server certificate or its ticket keys have changed. */
  | { readonly type: 'certificates' }
  | { readonly type: 'report?'; readonly id: number; readonly what: keyof WorkerReports }
  /** Answer what has arrived, and end. */
  | { readonly type: 'stop' }

export interface WorkerReports {
  readonly state: WorkerState
  readonly metrics: MetricsReport
}

/** A worker knows this, and the store does not. */
export interface WorkerState {
  readonly readiness: ReadinessFacts
  readonly alarms: number
  /** The state of the features' parts in this process. */
  readonly features: KmipReports
}

export type FromWorker =
  | { readonly type: 'serving' }
  /** The worker could not start, and ends. */
  | { readonly type: 'failed'; readonly message: string; readonly hint: string | undefined }
  | { readonly type: 'sign' }
  /** The connection has ended. */
  | { readonly type: 'closed'; readonly id: number }
  | {
      readonly type: 'report'
      readonly id: number
      readonly report: WorkerReports[keyof WorkerReports]
    }
  /** Unknown clients that connected; `attempts`: since the last message. */
  | { readonly type: 'pending'; readonly clients: readonly PendingClient[] }
  /** A trusted client asked for a version of KMIP that is not served. */
  | {
      readonly type: 'unserved'
      readonly client: { readonly id: string; readonly instanceId: string }
      readonly version: string
    }
