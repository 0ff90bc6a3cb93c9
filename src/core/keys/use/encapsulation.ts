// The acts of Encapsulate and Decapsulate (KMIP 3.0, a draft): a public key makes a new secret and a ciphertext, from which only
// its private key recovers the secret. The secret becomes Secret Data on each side; no answer contains it.

import type { JobInput } from '../../crypto/jobs.ts'
import { first, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'
import { maskOf } from '../../../wire/kmip/enums.ts'
import { parametersFor, type CryptoParameters } from './crypto-settings.ts'
import { unusable, usableKey } from './key-bytes.ts'
import { single, withAttribute, withDate, type ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { spendUsage } from '../object/usage-limits.ts'
import type { KeyUse } from '../object/use-rule.ts'

export interface KemRequest {
  readonly uniqueIdentifier: string
  readonly parameters?: CryptoParameters | undefined
  /** The attributes of the Secret Data. */
  readonly attributes: AttributeSet
}

/** Returns the identifier of the secret, and the ciphertext for its other holder. Throws Faults. */
export async function encapsulate(
  objects: TransactionObjects,
  request: KemRequest,
): Promise<{ readonly secret: string; readonly encapsulated: Uint8Array }> {
  objects.staged.begin('key.encapsulate', request.uniqueIdentifier)
  const { object, input } = await opened(objects, request, 'Encapsulate')
  const attributes = spendUsage(object.attributes, { bytes: 0, objects: 1 })
  if (attributes) await objects.stage(object, { ...object, attributes })
  const { data, encapsulated } = await objects.computeOnce('encapsulate', input)
  return { secret: await keepSecret(objects, object, request, data), encapsulated }
}

/** Returns the identifier of the secret. Throws Faults. */
export async function decapsulate(
  objects: TransactionObjects,
  request: KemRequest & { readonly encapsulated: Uint8Array },
): Promise<string> {
  objects.staged.begin('key.decapsulate', request.uniqueIdentifier)
  const { object, input } = await opened(objects, request, 'Decapsulate')
  const { encapsulated } = request
  const { data } = await objects.computeOnce('decapsulate', { ...input, encapsulated })
  return keepSecret(objects, object, request, data)
}

async function opened(
  objects: TransactionObjects,
  { uniqueIdentifier, parameters }: KemRequest,
  use: Extract<KeyUse, 'Encapsulate' | 'Decapsulate'>,
): Promise<{ readonly object: ManagedObject; readonly input: JobInput<'encapsulate'> }> {
  const object = await objects.live(uniqueIdentifier)
  await objects.requireUse(object, use)
  const key = await usableKey(objects, object)
  if (!('asymmetric' in key)) throw unusable(object.objectType)
  const { KEMAlgorithm: kem } = parametersFor(object.attributes, parameters)
  return { object, input: { key: key.asymmetric, kem } }
}

async function keepSecret(
  objects: TransactionObjects,
  key: ManagedObject,
  { attributes: requestAttributes }: KemRequest,
  secret: Uint8Array,
): Promise<string> {
  const head = { keyFormatType: 'Raw', secretDataType: 'Seed' } as const
  const material = { bytes: Buffer.from(secret.buffer, secret.byteOffset, secret.length), head }
  const bits = secret.length * 8
  const attributes = secretAttributes(requestAttributes, key, { bits, nowMs: objects.staged.nowMs })
  const uniqueIdentifier = await objects.keep({ objectType: 'SecretData', attributes }, material, false)
  objects.staged.done({ detail: { secret: uniqueIdentifier } })
  return uniqueIdentifier
}

/** By default, the secret is as Sensitive and as little Extractable as the key, and may be used to derive keys. */
function secretAttributes(
  attributes: AttributeSet,
  key: ManagedObject,
  { bits, nowMs }: { readonly bits: number; readonly nowMs: number },
): AttributeSet {
  const set = new Map(withDate(attributes, 'OriginalCreationDate', nowMs))
  const mask: AttributeValue<'CryptographicUsageMask'> =
    first(attributes, 'CryptographicUsageMask') ?? maskOf('CryptographicUsageMask', ['DeriveKey'])
  if (key.objectType === 'PrivateKey')
    for (const [name, value] of [
      ['Sensitive', true],
      ['Extractable', false],
    ] as const)
      if (!set.has(name) && first(key.attributes, name) === value) set.set(name, single(value))
  return withAttribute(withAttribute(set, 'CryptographicUsageMask', mask), 'CryptographicLength', bits)
}
