// Compares what each instance holds with its limits, for status and for the warning from four fifths on, and counts its
// destroyed keys that can still be brought back.

import type { Usage } from '../../../core/ports/objects.ts'
import { limitsOf, usedRatios } from '../../../core/trust/instance-limits.ts'
import type { Instance } from '../../../core/trust/rows.ts'
import type { RecoveryClock } from '../../../core/keys/object/recovery-clock.ts'
import type { Store } from '../../../core/ports/store.ts'
import type { Access } from '../../../core/trust/access.ts'
import { isoTime } from './shown.ts'

/** A warning names an instance that uses this part of a limit. */
const instanceNearLimitRatio = 0.8

export interface InstanceUsage {
  readonly instance: Instance
  readonly used: Usage
  readonly ratios: Usage
  /** The limits that it has nearly reached. */
  readonly near: readonly (keyof Usage)[]
}

export async function instanceUsages({
  access,
  store,
}: {
  readonly access: Pick<Access, 'instances'>
  readonly store: Pick<Store, 'usage'>
}): Promise<readonly InstanceUsage[]> {
  const instances = await access.instances()
  return Promise.all(
    instances.map(async (instance) => {
      const used = await store.usage(instance.id)
      const ratios = usedRatios(limitsOf(instance), used)
      const near = (['objects', 'bytes'] as const).filter((what) => ratios[what] >= instanceNearLimitRatio)
      return { instance, used, ratios, near }
    }),
  )
}

export async function shownLimits({ store }: { readonly store: Pick<Store, 'usage'> }, instance: Instance) {
  const { objects, bytes } = await store.usage(instance.id)
  const { objectsMax, bytesMax } = limitsOf(instance)
  return { objects: { used: objects, max: objectsMax }, bytes: { used: bytes, max: bytesMax } }
}

export async function shownRecoverable(
  {
    store,
    recovery,
  }: { readonly store: Pick<Store, 'recoverable'>; readonly recovery: Pick<RecoveryClock, 'until'> },
  { id }: Pick<Instance, 'id'>,
) {
  const { count, firstDueMs, lastDueMs } = await store.recoverable(id)
  const until = (dueMs: number | null) => (dueMs === null ? null : isoTime(recovery.until(dueMs)))
  return { count, firstUntil: until(firstDueMs), lastUntil: until(lastDueMs) }
}
