// How many objects and bytes an instance may hold, so that the clients of one instance cannot fill the disk for all.

import type { Usage } from '../ports/objects.ts'
import type { Instance } from './rows.ts'

/** The limits of an instance whose settings state none. */
export const instanceObjectsDefault = 2_000_000
export const instanceBytesDefault = 4 * 1024 ** 3

export interface InstanceLimits {
  readonly objectsMax: number
  readonly bytesMax: number
}

/** Adds the default for each limit that the instance's row does not set. */
export function limitsOf({
  objectsMax = instanceObjectsDefault,
  bytesMax = instanceBytesDefault,
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
