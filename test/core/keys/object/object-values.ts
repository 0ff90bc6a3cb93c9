// A managed object for tests of rules, which need no store.

import type { ManagedObject } from '../../../../src/core/keys/object/managed-object.ts'

/** An active symmetric key with material, as far as `more` does not say otherwise. */
export function managedObject(more: Partial<ManagedObject> = {}): ManagedObject {
  return {
    instanceId: 'i',
    uniqueIdentifier: 'k',
    objectType: 'SymmetricKey',
    state: 'Active',
    version: 3,
    createdMs: 5_000,
    attributes: new Map(),
    sealed: Buffer.of(1),
    dataKeyId: 'd',
    recoverable: undefined,
    ...more,
  }
}
