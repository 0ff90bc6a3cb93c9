// The few things that commands of one feature want of another one. A feature that is there offers its own (program/features.ts); where it is
// missing, the value of `withoutFeatures` stands.

import type { z } from 'zod'
import type { AdminClient } from '../http/client.ts'
import type { ShownUpstream } from '../http/plug-schemas.ts'
import type { Run } from './command.ts'
import type { ShownUsedBy } from './used-by.ts'

export interface CommandPlugs {
  /** From features/inventory: the machines that use keys of an instance, as its inventories say; null: none was imported. */
  readonly machinesOf: (admin: AdminClient, instanceId: string) => Promise<ShownUsedBy | null>
  /** From features/adopt: the upstream in `instance set` and `instance show`. */
  readonly upstream: UpstreamCommands
  /** Files of a support bundle that features add. */
  readonly bundle: readonly BundlePart[]
}

export interface UpstreamCommands {
  readonly flags: readonly (readonly [flag: string, help: string])[]
  readonly examples: readonly string[]
  /** Changes the upstream if the options concern it; false: they do not. `body`: the other settings that were given. */
  readonly set: (run: Run, options: object, instance: string, body: object) => Promise<boolean>
  readonly rows: (upstream: z.output<typeof ShownUpstream>) => readonly (readonly [string, string])[]
}

export interface BundlePart {
  readonly name: string
  readonly read: (admin: AdminClient) => Promise<object>
}

export const withoutCommandPlugs: CommandPlugs = {
  machinesOf: async () => null,
  upstream: { flags: [], examples: [], set: async () => false, rows: () => [] },
  bundle: [],
}
