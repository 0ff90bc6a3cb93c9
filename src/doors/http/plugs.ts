// Plugs: the few things that features want of each other. A feature that is there puts its own in (feature.ts); where it is missing, the
// value of `withoutFeatures` stands, which is safe.

import type { z } from 'zod'
import { Refusal } from '../../base/refusal.ts'
import type { AuditKeeper } from '../../core/audit/retention.ts'
import type { Gathered } from '../../core/conditions/conditions.ts'
import type { GuardedAct } from '../../core/ports/guarded-acts.ts'
import type { InventoryRecord, InventoryRow, KeyUses } from '../../core/ports/inventory.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { ApiRequester } from './route-request.ts'
import type { AnyRouteRequest } from './route-request.ts'
import type { OpenRoute } from './open-route.ts'
import type { BackupStatus, ShownUpstream } from './plug-schemas.ts'

export interface Plugs {
  /** From features/inventory: the machines that use keys. */
  readonly keyUses: KeyUses
  /** From features/inventory: the rows take the place of the inventory of that vCenter, once all are there. Throws Refusal. */
  readonly importInventory: (
    asker: Pick<ApiRequester, 'actor' | 'requestId' | 'identify'>,
    about: Pick<InventoryRecord, 'instanceId' | 'vcenter' | 'takenMs'>,
    rows: AsyncIterable<InventoryRow> | Iterable<InventoryRow>,
  ) => Promise<InventoryRecord>
  /** From features/vcenter: an instance is gone, and with it the passwords of its vCenters. Never rejects. */
  readonly forgetInstance: (
    asker: Pick<ApiRequester, 'actor' | 'requestId'>,
    instanceId: string,
  ) => Promise<void>
  /** From features/clients: the clients of the instance that were ever here, with when each was here last. */
  readonly clientsSeen: (instanceId: string) => Promise<readonly SeenClient[]>
  /** From features/adopt: the upstream of an instance, as this asker may see it; null: it has none. */
  readonly upstreamOf: (
    asker: Pick<ApiRequester, 'instanceId'>,
    instance: Instance,
  ) => Promise<z.output<typeof ShownUpstream> | null>
  /** From features/adopt: adopts keys from the upstream of the instance, where it has one, and opens each of them here. Throws Refusal. */
  readonly takeOver: (
    asker: Pick<ApiRequester, 'identify'>,
    instance: Instance,
    request: TakeOverRequest,
  ) => Promise<TakenOver>
  /** From features/adopt: the instance has no upstream from then on. */
  readonly removeUpstream: (asker: Pick<ApiRequester, 'by'>, instance: Pick<Instance, 'id'>) => Promise<void>
  /** From features/siem: the targets that must have an entry before it is pruned. */
  readonly auditKeepers: {
    readonly targets: readonly string[]
    readonly facts: () => Promise<readonly AuditKeeper[]>
  }
  /** From features/backup: its part of what was gathered; null: no backup is made here. */
  readonly backupStatus: (gathered: Gathered) => z.output<typeof BackupStatus> | null
  /**
   * From features/backup: has every key that is there now copied elsewhere, in a backup. Null: that is so; otherwise why not, as a sentence
   * without a full stop.
   */
  readonly copyKeys: () => Promise<string | null>
  /** From features/backup: sentences for the administrator of a server that has never been used. */
  readonly unusedWarnings: () => Promise<readonly string[]>
  /** From features/login: the address where people end their sessions at the identity provider too; null: nowhere. */
  readonly logoutUrl: () => string | null
  /** From features/approvals. */
  readonly approvals: Approving
}

export interface SeenClient {
  readonly id: string
  readonly name: string
  readonly lastMs: number
}

export interface TakeOverRequest {
  readonly keys: readonly string[]
  /** Adopts all else that the upstream has, too. */
  readonly others: boolean
  /** Adopts nothing; a key that the upstream gives counts as one that is here. */
  readonly dryRun: boolean
  readonly onProgress: (now: {
    readonly step: 'adopt' | 'open'
    readonly done: number
    readonly total: number | null
  }) => void
  readonly signal: AbortSignal
}

export interface TakenOver {
  /** Objects that came, or changed, now. */
  readonly adopted: number
  /** The keys that this server could not open, with the reason. */
  readonly troubles: readonly { readonly id: string; readonly why: string }[]
}

/** Acts that need a second person. */
export interface Approving {
  /** The configured ones. */
  readonly acts: readonly GuardedAct[]
  /** Keeps the request for a second person, if its act needs one: returns the answer. undefined: it does not, and may be answered now. */
  readonly gate: (name: string, route: OpenRoute, request: AnyRouteRequest) => Promise<object | undefined>
  /** Carries out what was approved, and ends the requests of askers whose token or session has ended. */
  readonly look: () => void
}

export const withoutFeatures: Plugs = {
  keyUses: { uses: async () => null, keysOfMachines: async () => new Set(), useOf: async () => null },
  importInventory: async () => {
    throw new Refusal('refused', 'this server keeps no inventories')
  },
  forgetInstance: async () => undefined,
  clientsSeen: async () => [],
  upstreamOf: async () => null,
  takeOver: async () => {
    throw new Refusal('refused', 'this server adopts no keys')
  },
  removeUpstream: async () => undefined,
  auditKeepers: { targets: [], facts: async () => [] },
  backupStatus: () => null,
  copyKeys: async () => 'this server makes no backups',
  unusedWarnings: async () => [],
  logoutUrl: () => null,
  approvals: { acts: [], gate: async () => undefined, look: () => undefined },
}
