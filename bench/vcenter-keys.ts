// Keys as vCenter makes them, for benchmarks that fill a store: the same ones in each run.

import { single, type ManagedObject } from '../src/core/keys/object/managed-object.ts'
import type { AttributeInstance } from '../src/wire/kmip/attributes.ts'

export const instanceId = '6f1d0a3e-3f5c-4d0f-9d5c-8a1c9a3e2b11'

/** The key number `n`, created at `createdMs` (milliseconds since 1970). */
export function vcenterKey(
  n: number,
  { createdMs, state }: Pick<ManagedObject, 'createdMs' | 'state'>,
): ManagedObject {
  const seconds = BigInt(Math.floor(createdMs / 1000))
  return {
    instanceId,
    uniqueIdentifier: identifier(n),
    objectType: 'SymmetricKey',
    state,
    version: 1,
    createdMs,
    attributes: new Map<string, readonly AttributeInstance[]>([
      ['CryptographicAlgorithm', single('AES')],
      ['CryptographicLength', single(256)],
      ['CryptographicUsageMask', single(12)],
      ['InitialDate', single(seconds)],
      ['ActivationDate', single(seconds)],
      ['LastChangeDate', single(seconds)],
      ['x-Name', custom(`vm-web-${String(n)}`)],
      ['x-Component', custom('VM')],
      ['x-Identifier', custom(`vm-${String(n)}`)],
    ]),
    sealed: Buffer.alloc(96, n),
    dataKeyId: 'data-key-1',
  }
}

function custom(text: string) {
  return single({ type: 'TextString', value: text })
}

/** Spread like UUIDs, and known again. */
export function identifier(n: number): string {
  const mixed = Math.imul(n + 1, 0x9e3779b1) >>> 0
  return `${mixed.toString(16).padStart(8, '0')}-4d0f-4d0f-8d5c-${n.toString(16).padStart(12, '0')}`
}
