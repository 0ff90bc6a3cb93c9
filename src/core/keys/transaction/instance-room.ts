// Whether an instance may take another object or another byte. The store decides inside the transaction; this check before the
// seal avoids a standard key that would cost money and stay unused.

import { Fault } from '../../../wire/kmip/fault.ts'
import type { ObjectStore } from '../../ports/objects.ts'
import type { StoreConflict } from '../../ports/store.ts'
import { limitsOf, type InstanceLimits } from '../../trust/instance-limits.ts'
import type { Instance } from '../../trust/rows.ts'

/** Throws Fault ServerLimitExceeded when the instance is already full. */
export async function requireRoom(store: Pick<ObjectStore, 'usage'>, instance: Instance): Promise<void> {
  const { objects, bytes } = await store.usage(instance.id)
  const limits = limitsOf(instance)
  if (objects >= limits.objectsMax) throw instanceIsFull('objects-max', limits)
  if (bytes >= limits.bytesMax) throw instanceIsFull('bytes-max', limits)
}

export function instanceIsFull(
  what: 'objects-max' | 'bytes-max',
  { objectsMax, bytesMax }: InstanceLimits,
  cause?: StoreConflict,
): Fault {
  const message =
    what === 'objects-max'
      ? `this instance holds as many objects as it may (${objectsMax}): destroy objects that nothing needs any more (they count as long as they can be brought back), or have the limit raised: mortise instance set NAME --objects-max N`
      : `this instance may take ${bytesMax} bytes, and would take more: have the limit raised: mortise instance set NAME --bytes-max N`
  return new Fault('ServerLimitExceeded', message, { cause })
}
