// The key of an object in the form for computations: its bytes, or DER. Refuses a key that the server cannot read, because it is
// stored wrapped, or elsewhere.

import type { AsymmetricKey } from '../../crypto/asymmetric.ts'
import { KeyFormatError } from '../../crypto/key-parts.ts'
import { first } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Material } from '../../sealing/envelope.ts'
import { actualFormat, inFormat, type KeyFormat } from '../forms/asymmetric-key.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export type UsableKey = { readonly symmetric: Uint8Array } | { readonly asymmetric: AsymmetricKey }

/** Opens the object. The transaction wipes the bytes. Throws Faults. */
export async function usableKey(objects: TransactionObjects, object: ManagedObject): Promise<UsableKey> {
  const material = await objects.open(object)
  const { bytes, head } = material
  objects.staged.opened(bytes)
  if (head.isElsewhere) throw new Fault('KeyValueNotPresent', 'the key itself is not on this server')
  if (head.wrapping)
    throw new Fault('PermissionDenied', 'the key is stored wrapped by another: this server cannot read it')
  switch (object.objectType) {
    case 'SymmetricKey':
    case 'SecretData':
      return { symmetric: bytes }
    case 'PrivateKey': {
      const pkcs8 = inDer(object, material, true)
      objects.staged.opened(pkcs8)
      return { asymmetric: { pkcs8 } }
    }
    case 'PublicKey':
      return { asymmetric: { spki: inDer(object, material, false) } }
    case 'Certificate':
      return { asymmetric: { certificate: bytes } }
    case 'CertificateRequest':
    case 'OpaqueObject':
    case 'PGPKey':
    case 'SplitKey':
    case 'Template':
    case 'User':
    case 'Group':
    case 'PasswordCredential':
    case 'DeviceCredential':
    case 'OneTimePasswordCredential':
    case 'HashedPasswordCredential':
      throw unusable(object.objectType)
    default:
      return object.objectType satisfies never
  }
}

export function unusable(what: string): Fault {
  return new Fault('InvalidField', `this server does not do that with an object of type ${what}`)
}

function inDer({ attributes }: ManagedObject, { bytes, head }: Material, isPrivate: boolean): Uint8Array {
  const algorithm = first(attributes, 'CryptographicAlgorithm')
  const target: KeyFormat = isPrivate ? 'PKCS_8' : 'X_509'
  try {
    const format = actualFormat(isPrivate, head.keyFormatType ?? 'Raw', bytes)
    const der = inFormat({ isPrivate, format, bytes, algorithm }, target)
    if (der instanceof Uint8Array) return der
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
  }
  throw new Fault(
    'KeyFormatTypeNotSupported',
    'this server cannot read the key in the format in which it is stored',
  )
}
