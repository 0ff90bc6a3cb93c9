// How many objects and bytes an instance may hold, so that the clients of one instance cannot fill the disk for all.

import { limits } from '../../base/limits.ts'
import type { Usage } from '../ports/objects.ts'
import type { Instance } from './rows.ts'

export interface InstanceLimits {
  readonly objectsMax: number
  readonly bytesMax: number
}

/** Fills in the default for each limit that the instance's row does not set. */
export function limitsOf({
  objectsMax = limits.instanceObjectsDefault,
  bytesMax = limits.instanceBytesDefault,
}: Pick<Instance, 'objectsMax' | 'bytesMax'>): InstanceLimits {
  return { objectsMax, bytesMax }
}

/** The used share of each limit: 0 to 1, or more after a limit was lowered. */
export function usedRatios(
  { objectsMax, bytesMax }: InstanceLimits,
  { objects, bytes }: Usage,
): { readonly objects: number; readonly bytes: number } {
  return { objects: objects / objectsMax, bytes: bytes / bytesMax }
}
