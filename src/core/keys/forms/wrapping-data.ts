// Key Wrapping Data (KMIP 1.4 §2.1.5) in its stored form, for a key that came wrapped. Pure.

import { Fault } from '../../../wire/kmip/fault.ts'
import {
  packKeyValue,
  packWrappingData,
  unpackKeyValue,
  unpackWrappingData,
  type KeyBlock,
  type KeyValue,
  type KeyWrappingData,
  type KeyWrappingSpecification,
} from '../../../wire/kmip/objects.ts'
import type { WrappingHead } from '../../sealing/envelope.ts'

/** The stored form of a key that comes wrapped. Throws Faults. */
export function wrappedMaterial(
  format: KeyBlock['KeyFormatType'],
  data: KeyWrappingData,
  value: NonNullable<KeyBlock['KeyValue']>,
): { readonly bytes: Buffer; readonly wrapping: WrappingHead } {
  informationOf(data)
  const isInKeyValue = !(value instanceof Uint8Array)
  const wrapping = { data: packWrappingData(data).toString('base64'), isInKeyValue }
  return { bytes: isInKeyValue ? bytesIn(format, data, value) : Buffer.from(value), wrapping }
}

function bytesIn(format: KeyBlock['KeyFormatType'], data: KeyWrappingData, value: KeyValue): Buffer {
  if (isReadable(data)) return packKeyValue(format, value)
  if (value.Attribute?.length || value.Attributes)
    throw data.EncodingOption === 'NoEncoding'
      ? new Fault('EncodingOptionError', 'without an encoding no attributes can be wrapped with the key')
      : // KMIP 1.4 §2.1.5: the whole Key Value structure is wrapped.
        new Fault('InvalidField', 'attributes of a wrapped key are wrapped with it: none may stand beside it')
  if (value.KeyMaterial instanceof Uint8Array) return Buffer.from(value.KeyMaterial)
  throw new Fault('InvalidField', 'a wrapped key is a byte string')
}

/** The Key Value as the client sent it. */
export function wrappedValue(
  format: KeyBlock['KeyFormatType'],
  wrapping: WrappingHead,
  bytes: Uint8Array,
): KeyBlock['KeyValue'] {
  if (!wrapping.isInKeyValue) return bytes
  return isReadable(wrappingDataOf(wrapping)) ? unpackKeyValue(format, bytes) : { KeyMaterial: bytes }
}

/** Whether the MAC or signature covers a readable Key Value structure, in TTLV: it is stored as these bytes. */
function isReadable(data: KeyWrappingData): boolean {
  return !encrypts(data) && data.EncodingOption !== 'NoEncoding'
}

export function wrappingDataOf({ data }: WrappingHead): KeyWrappingData {
  return unpackWrappingData(Buffer.from(data, 'base64'))
}

/** The identifier of the encrypting key; without one, of the key that makes the MAC or the signature. */
export function wrappingKeyOf(wrapping: WrappingHead): string {
  return informationOf(wrappingDataOf(wrapping)).UniqueIdentifier
}

/** Throws Fault InvalidField. */
function informationOf(data: KeyWrappingData): KeyInformation {
  const information = encrypts(data) ? data.EncryptionKeyInformation : data.MACSignatureKeyInformation
  if (information) return information
  throw new Fault('InvalidField', 'the Key Wrapping Data does not say by which key the key is wrapped')
}

type KeyInformation = NonNullable<KeyWrappingData['EncryptionKeyInformation']>

/** Whether the method encrypts. A MAC alone hides nothing. */
export function encrypts({ WrappingMethod }: Pick<KeyWrappingSpecification, 'WrappingMethod'>): boolean {
  return WrappingMethod !== 'MACSign'
}
