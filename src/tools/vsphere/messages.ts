// The messages that vCenter and ESXi send, byte for byte: KMIP 1.1, a header with only version, credential and batch
// count, and batch items numbered `QLKC` 1, 2, 3. Do not tidy anything here: the bytes must stay the same.

import { encodeRequest } from '../../wire/kmip/client-message.ts'
import type { OutgoingItem } from '../../wire/kmip/client-message.ts'
import type { EnumName } from '../../wire/kmip/enums.ts'
import { maskOf } from '../../wire/kmip/enums.ts'
import type { WireCredential } from '../../wire/kmip/credential.ts'
import type { OperationName, Request } from '../../wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../wire/kmip/payload.ts'
import type { Version } from '../../wire/kmip/version.ts'

/** vSphere 6.5 to 8.0.1 use it, whatever the server offers. */
export const vsphereVersion: Version = '1.1'

export interface Message {
  readonly bytes: Buffer
  readonly items: readonly SentItem[]
}

export interface SentItem {
  readonly operation: OperationName
  readonly uniqueBatchItemId: Buffer | undefined
}

/** The first message of a connection has no Unique Batch Item ID. */
export function discoverVersions(isFirst: boolean): Message {
  return message([item('DiscoverVersions', { ProtocolVersion: [] }, isFirst ? undefined : 1)])
}

export function queryServerInformation(): Message {
  return message([item('Query', { QueryFunction: ['QueryServerInformation'] }, 1)])
}

/** AES-256 for Encrypt and Decrypt, without a name or dates. */
export function create(credential?: WireCredential): Message {
  const Attribute = [
    { AttributeName: 'Cryptographic Algorithm', AttributeValue: 'AES' },
    {
      AttributeName: 'Cryptographic Usage Mask',
      AttributeValue: maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt']),
    },
    { AttributeName: 'Cryptographic Length', AttributeValue: 256 },
  ]
  const request = { ObjectType: 'SymmetricKey', TemplateAttribute: { Name: [], Attribute } } as const
  return message([item('Create', request, 1)], credential)
}

export function get(UniqueIdentifier: string, credential?: WireCredential): Message {
  return message([item('Get', { UniqueIdentifier }, 1)], credential)
}

/** One attribute name per message. Only State carries the credential. */
export function getAttributes(UniqueIdentifier: string, name: string, credential?: WireCredential): Message {
  return message([item('GetAttributes', { UniqueIdentifier, AttributeName: [name] }, 1)], credential)
}

export function activate(UniqueIdentifier: string, credential?: WireCredential): Message {
  return message([item('Activate', { UniqueIdentifier }, 1)], credential)
}

/** One batch, usually with three items. */
export function addAttributes(
  UniqueIdentifier: string,
  notes: readonly (readonly [name: string, value: string])[],
): Message {
  return message(
    notes.map(([AttributeName, value], index) =>
      item(
        'AddAttribute',
        {
          UniqueIdentifier,
          Attribute: { AttributeName, AttributeValue: { type: 'TextString', value } },
        },
        index + 1,
      ),
    ),
  )
}

// ---------------------------------------------------------------- Messages that vSphere itself never sends

export function revoke(
  UniqueIdentifier: string,
  RevocationReasonCode: EnumName<'RevocationReasonCode'>,
): Message {
  // KMIP 1.4 §4.21: a compromise requires the time.
  const compromised = RevocationReasonCode === 'KeyCompromise'
  const request = {
    UniqueIdentifier,
    RevocationReason: { RevocationReasonCode },
    ...(compromised && { CompromiseOccurrenceDate: 0n }),
  }
  return message([item('Revoke', request, 1)])
}

export function destroy(UniqueIdentifier: string): Message {
  return message([item('Destroy', { UniqueIdentifier }, 1)])
}

export function locateByName(name: string): Message {
  const AttributeValue = { NameValue: name, NameType: 'UninterpretedTextString' }
  return message([item('Locate', { Attribute: [{ AttributeName: 'Name', AttributeValue }] }, 1)])
}

// ---------------------------------------------------------------- The frame

type Item = OutgoingItem & SentItem

function item<N extends OperationName>(operation: N, request: Request<N>, number: number | undefined): Item {
  return {
    operation,
    payload: encodeRequestPayload(operation, request, vsphereVersion),
    uniqueBatchItemId: number === undefined ? undefined : batchItemId(number),
  }
}

/** `QLKC` and the item's number, little-endian. */
function batchItemId(number: number): Buffer {
  const id = Buffer.from('QLKC\0\0\0\0', 'latin1')
  id.writeUInt32LE(number, 4)
  return id
}

function message(items: readonly Item[], credential?: WireCredential): Message {
  const bytes = encodeRequest({
    version: vsphereVersion,
    items: items.map(({ operation, payload, uniqueBatchItemId }) => ({
      operation,
      payload,
      ...(uniqueBatchItemId && { uniqueBatchItemId }),
    })),
    ...(credential && { credentials: [credential] }),
  })
  return { bytes, items }
}
