// Key Wrapping Data (KMIP 1.4 §2.1.5) as it is stored with a key that came wrapped. Pure.

import {
  packWrappingData,
  unpackWrappingData,
  type KeyBlock,
  type KeyWrappingData,
  type KeyWrappingSpecification,
} from '../../kmip/objects.ts'
import type { WrappingHead } from '../../sealing/envelope.ts'

/** The Key Wrapping Data of a registered key, for the head of its material. */
export function wrappingHead(data: KeyWrappingData, value: KeyBlock['KeyValue']): WrappingHead {
  return {
    data: packWrappingData(data).toString('base64'),
    isInKeyValue: !(value instanceof Uint8Array),
  }
}

export function wrappingDataOf({ data }: WrappingHead): KeyWrappingData {
  return unpackWrappingData(Buffer.from(data, 'base64'))
}

/** Whether what leaves is encrypted. A MAC alone hides nothing. */
export function encrypts({ WrappingMethod }: Pick<KeyWrappingSpecification, 'WrappingMethod'>): boolean {
  return WrappingMethod !== 'MACSign'
}
