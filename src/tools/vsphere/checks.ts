// Checks what vSphere needs of an answer, as pure functions: they take bytes and return the values and the faults. They
// do not know who answered or what follows from it. Faults are words for people, without identifiers, so that equal
// faults count as the same.

import { counted } from '../../base/text/counted.ts'
import { hash } from 'node:crypto'
import type { IncomingResponse } from '../../wire/kmip/client-message.ts'
import { codeOf } from '../../wire/kmip/enums.ts'
import type { EnumName } from '../../wire/kmip/enums.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import type { Response } from '../../wire/kmip/operations.ts'
import { newerThan } from '../../outside/kmip-client/newer.ts'
import { vsphereVersion } from './messages.ts'
import type { Message, SentItem } from './messages.ts'

export interface CheckedValue<T> {
  readonly value: T
  readonly faults: readonly string[]
}

export interface KmipAnswer {
  readonly response: IncomingResponse
  /** One per item sent. Undefined if the answer lacks it. */
  readonly items: readonly (ResponseItem | undefined)[]
}

/** Checks the message as a whole. `response`: the decoded `bytes`. */
export function checkMessage(
  sent: Message,
  bytes: Uint8Array,
  response: IncomingResponse,
): CheckedValue<KmipAnswer> {
  const { items } = response
  const faults: string[] = []
  if (response.version !== vsphereVersion)
    faults.push(`the answer is in KMIP ${response.version}, not in the request's ${vsphereVersion}`)
  if (response.batchCount !== items.length)
    faults.push(
      `Batch Count is ${response.batchCount}, but there ${items.length === 1 ? 'is 1 item' : `are ${items.length} items`}`,
    )
  if (items.length !== sent.items.length)
    faults.push(`${counted(items.length, 'batch item answers', 'batch items answer')} ${sent.items.length}`)
  for (const newer of newerThan(vsphereVersion, bytes))
    faults.push(`it holds what KMIP ${vsphereVersion} does not have: ${newer}`)
  for (const [index, item] of sent.items.entries()) faults.push(...echoFaults(item, items[index]))
  return {
    value: { response, items: sent.items.map((_, index) => items[index]) },
    faults: [...new Set(faults)],
  }
}

/** KMIP 1.4 §7.2: the answer repeats these fields of the request, on success and on failure. */
function echoFaults(sent: SentItem, item: ResponseItem | undefined): string[] {
  if (!item) return []
  const faults: string[] = []
  if (item.operationCode === undefined) faults.push('Operation is not echoed')
  else if (item.operationCode !== codeOf('Operation', sent.operation))
    faults.push('the answer names another operation')
  if (sent.uniqueBatchItemId === undefined) {
    if (item.uniqueBatchItemId !== undefined) faults.push('a Unique Batch Item ID that was not sent')
  } else if (item.uniqueBatchItemId === undefined) faults.push('Unique Batch Item ID is not echoed')
  else if (!sent.uniqueBatchItemId.equals(item.uniqueBatchItemId))
    faults.push('Unique Batch Item ID was changed')
  if (item.status === 'Success' && item.payload === undefined) faults.push('success, but no payload')
  if (item.status !== 'Success' && item.reason === undefined) faults.push('a failure without Result Reason')
  return faults
}

// ---------------------------------------------------------------- Payloads

const allZeros = 'the key is all zeros'
const otherIdentifier = 'the answer is about another identifier'
/** Faults by which a disk would be encrypted with a known key, or with the key of another disk. */
export const dangerous: ReadonlySet<string> = new Set([allZeros, otherIdentifier])

/** Attributes in addition to the identifier are allowed: an older server sent eight of its own. */
export function checkCreate({ ObjectType, UniqueIdentifier }: Response<'Create'>): CheckedValue<string> {
  const faults: string[] = []
  if (ObjectType !== 'SymmetricKey') faults.push(`the new object is a ${ObjectType}`)
  if (UniqueIdentifier === '') faults.push('the new key has an empty identifier')
  return { value: UniqueIdentifier, faults }
}

/** The value is the SHA-256 of the key material, lower-case hex. This wipes the material. */
export function checkGet(requestedId: string, response: Response<'Get'>): CheckedValue<string | undefined> {
  const faults = identifierFaults(requestedId, response.UniqueIdentifier)
  const block = response.SymmetricKey?.KeyBlock
  if (response.ObjectType !== 'SymmetricKey' || !block)
    return { value: undefined, faults: [...faults, 'the object is not a Symmetric Key'] }
  if (block.KeyFormatType !== 'Raw') faults.push(`the key comes as ${block.KeyFormatType}, not Raw`)
  if (block.CryptographicAlgorithm !== 'AES')
    faults.push(`the algorithm is ${block.CryptographicAlgorithm ?? 'not given'}, not AES`)
  if (block.CryptographicLength !== 256)
    faults.push(`the length is ${block.CryptographicLength ?? 'not given'}, not 256`)
  if (block.KeyWrappingData || block.KeyCompressionType !== undefined)
    faults.push('the key is wrapped or compressed')
  const value = block.KeyValue
  if (value === undefined || value instanceof Uint8Array || !(value.KeyMaterial instanceof Uint8Array))
    return { value: undefined, faults: [...faults, 'there is no Key Material in the clear'] }
  if ((value.Attribute?.length ?? 0) > 0) faults.push('Key Value holds attributes beside the key')
  const material = value.KeyMaterial
  if (material.length !== 32) faults.push(`the key has ${material.length} bytes, not 32`)
  if (material.every((byte) => byte === 0)) faults.push(allZeros)
  const sha256 = hash('sha256', material, 'hex')
  material.fill(0)
  return { value: sha256, faults }
}

export function checkState(
  requestedId: string,
  response: Response<'GetAttributes'>,
): CheckedValue<EnumName<'State'> | undefined> {
  const faults = identifierFaults(requestedId, response.UniqueIdentifier)
  const [attribute, ...others] = response.Attribute ?? []
  if (attribute?.AttributeName !== 'State' || others.length > 0)
    return { value: undefined, faults: [...faults, 'State was requested, but the answer has something else'] }
  if ((attribute.AttributeIndex ?? 0) !== 0) faults.push('State has an index')
  return { value: attribute.AttributeValue as EnumName<'State'>, faults }
}

/** The values of the requested attribute. Empty, without a fault, if the object lacks it. */
export function checkAttribute(
  requestedId: string,
  name: string,
  response: Response<'GetAttributes'>,
): CheckedValue<readonly string[]> {
  const faults = identifierFaults(requestedId, response.UniqueIdentifier)
  const values: string[] = []
  for (const { AttributeName, AttributeValue } of response.Attribute ?? []) {
    if (AttributeName !== name) faults.push('an attribute that was not asked for')
    else if (isText(AttributeValue)) values.push(AttributeValue.value)
    else faults.push('a custom attribute is not text, but was text when it was added')
  }
  return { value: values, faults }
}

/** Activate, Revoke and Destroy answer with nothing but the identifier. */
export function checkIdentifier(
  requestedId: string,
  response: { readonly UniqueIdentifier: string },
): CheckedValue<undefined> {
  return { value: undefined, faults: identifierFaults(requestedId, response.UniqueIdentifier) }
}

export function checkAddAttribute(
  requestedId: string,
  [name, value]: readonly [string, string],
  response: Response<'AddAttribute'>,
): CheckedValue<undefined> {
  const faults = identifierFaults(requestedId, response.UniqueIdentifier)
  const { AttributeName, AttributeValue } = response.Attribute ?? {}
  if (AttributeName !== name || !isText(AttributeValue) || AttributeValue.value !== value)
    faults.push('the attribute was changed')
  return { value: undefined, faults }
}

function identifierFaults(requestedId: string, answered: string): string[] {
  return requestedId === answered ? [] : [otherIdentifier]
}

function isText(value: unknown): value is { readonly type: 'TextString'; readonly value: string } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'TextString'
}
