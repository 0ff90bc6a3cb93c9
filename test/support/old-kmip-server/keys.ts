// Keys of an old server for openOldKmipServer: a whole server that holds some identifiers, with bytes that follow from them.

import { createHash } from 'node:crypto'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import type { Response } from '../../../src/wire/kmip/operations.ts'
import type { OldHandlers } from './fake.ts'

export type Attributes = NonNullable<Response<'GetAttributes'>['Attribute']>

export const bytesOf = (id: string) => createHash('sha256').update(id).digest()

export function keyOf(UniqueIdentifier: string, more: object = {}): Response<'Get'> {
  return {
    ObjectType: 'SymmetricKey',
    UniqueIdentifier,
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw',
        KeyValue: { KeyMaterial: bytesOf(UniqueIdentifier) },
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 256,
        ...more,
      },
    },
  }
}

export const active: Attributes = [{ AttributeName: 'State', AttributeValue: 'Active' }]

/** A whole server with these objects; `pageItems`: how many it puts on a page, whatever it is asked for. */
export function holding(ids: readonly string[], pageItems = Infinity): OldHandlers {
  return {
    DiscoverVersions: () => ({
      ProtocolVersion: [4, 3, 2, 1, 0].map((minor) => ({
        ProtocolVersionMajor: 1,
        ProtocolVersionMinor: minor,
      })),
    }),
    Locate: ({ OffsetItems = 0 }) => ({ UniqueIdentifier: ids.slice(OffsetItems, OffsetItems + pageItems) }),
    Get: ({ UniqueIdentifier }) => keyOf(known(ids, UniqueIdentifier)),
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: known(ids, UniqueIdentifier),
      Attribute: active,
    }),
  }
}

export function known(ids: readonly string[], id: unknown): string {
  const found = ids.find((one) => one === id)
  if (found === undefined) throw new Fault('ObjectNotFound', 'no such object')
  return found
}
