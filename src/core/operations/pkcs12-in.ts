// A PKCS#12 container with a private key, in a request.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Request } from '../../wire/kmip/operations.ts'
import type { ContainerRequest } from '../keys/certificates/pkcs12.ts'

/** An Import of 1.4 has no Object Type: the object itself shows it. */
interface Bringing {
  readonly ObjectType?: Request<'Register'>['ObjectType'] | undefined
  readonly PrivateKey?: Request<'Register'>['PrivateKey']
}

/** KMIP 1.4 §3.45: a private key with its certificates. Undefined: the object is not a container. */
export function pkcs12In({ ObjectType = 'PrivateKey', PrivateKey }: Bringing): ContainerRequest | undefined {
  const block = PrivateKey?.KeyBlock
  if (ObjectType !== 'PrivateKey' || block?.KeyFormatType !== 'PKCS_12') return undefined
  const { KeyValue: value, KeyWrappingData } = block
  const container = value && 'KeyMaterial' in value ? value.KeyMaterial : value
  if (KeyWrappingData || !(container instanceof Uint8Array))
    throw new Fault('InvalidField', 'a PKCS#12 container is a byte string, protected by its password alone')
  const { CryptographicAlgorithm, CryptographicLength } = block
  return { container, stated: { CryptographicAlgorithm, CryptographicLength } }
}
