// The reads by which a store's callers decide about a request, and the check that the results of these reads are still true.

import type { AccessRecord } from '../../core/ports/audit.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { StoredObject } from '../../core/ports/objects.ts'
import { StoreConflict } from '../../core/ports/store.ts'

export type Expected = NonNullable<AccessRecord['expect']>

/** A store may answer from memory if it knows what has changed. */
export interface DecidingReads {
  trustVersion(): MaybePromise<number>
  object(instanceId: string, uniqueIdentifier: string): MaybePromise<StoredObject | undefined>
  /** Throws StoreConflict if the trust version or an object has changed since a read relied on it. */
  check(expected: Expected): void | Promise<void>
}

export interface KnownNow {
  trustVersion(): number
  /** null: the object does not exist. */
  objectVersion(instanceId: string, uniqueIdentifier: string): number | null
}

/** Throws StoreConflict. */
export function requireExpected({ trustVersion, objects = [] }: Expected, now: KnownNow): void {
  if (trustVersion !== undefined && now.trustVersion() !== trustVersion)
    throw new StoreConflict('trust', 'trust has changed since it was read')
  for (const { instanceId, uniqueIdentifier, version } of objects)
    if (now.objectVersion(instanceId, uniqueIdentifier) !== version)
      throw new StoreConflict('object', 'the object has changed since it was read')
}
