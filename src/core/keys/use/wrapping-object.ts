// The object that wraps or unwraps another one, and its allowed uses. KMIP 2.x has separate reasons for a missing one, so that
// the client does not take the leaving key for lost.

import { Fault, type ResultReasonName } from '../../../wire/kmip/fault.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { CipherSetting } from '../../crypto/cipher-setting.ts'
import type { RsaEncryptionScheme } from '../../crypto/rsa.ts'
import type { Instance } from '../../trust/rows.ts'
import { linksOf } from '../object/links.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import { isWrappingKey, requireNoWrappingKey } from '../object/restrictions.ts'
import { requireUse, type KeyUse } from '../object/use-rule.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

const reasons: { readonly [R in ResultReasonName]?: ResultReasonName } = {
  ObjectArchived: 'WrappingObjectArchived',
  ObjectDestroyed: 'WrappingObjectDestroyed',
  ObjectNotFound: 'WrappingObjectNotFound',
}

/** Throws the Faults WrappingObjectNotFound, WrappingObjectDestroyed and WrappingObjectArchived. */
export async function wrappingObject(
  objects: TransactionObjects,
  uniqueIdentifier: string,
): Promise<ManagedObject> {
  try {
    return await objects.live(uniqueIdentifier)
  } catch (error) {
    const reason = error instanceof Fault ? reasons[error.reason] : undefined
    if (!(error instanceof Fault) || reason === undefined) throw error
    throw new Fault(reason, `the key by which it is wrapped: ${error.message}`, { cause: error })
  }
}

export type WrappingUse = Extract<
  KeyUse,
  'WrapKey' | 'UnwrapKey' | 'MACGenerate' | 'MACVerify' | 'Sign' | 'Verify'
>

/** A key that may only wrap also unwraps, as in the published cases: a client registers a wrapped key, and gets it plain. */
export function requireWrappingUse(object: ManagedObject, use: WrappingUse, nowMs: number): void {
  if (use !== 'UnwrapKey') return requireUse(object, use, nowMs)
  try {
    requireUse(object, 'UnwrapKey', nowMs)
  } catch (error) {
    if (!(error instanceof Fault && error.reason === 'IncompatibleCryptographicUsageMask')) throw error
    requireUse(object, 'WrapKey', nowMs)
  }
}

/**
 * Throws Fault PermissionDenied if a wrapping key of the instance would unwrap or verify. A client that has changed bytes
 * unwrapped, or learns whether that succeeds, learns something about the wrapped key.
 */
export function requireFitUse(instance: Instance, uniqueIdentifier: string, use: WrappingUse): void {
  if (use !== 'WrapKey' && use !== 'MACGenerate') requireNoWrappingKey(instance, uniqueIdentifier)
}

/** Throws Fault PermissionDenied for a mode without a check value: ECB would give a client the keystream of another mode. */
export function requireFitMode(instance: Instance, uniqueIdentifier: string, { kind }: CipherSetting): void {
  if (kind === 'wrap' || kind === 'aead' || !isWrappingKey(instance, uniqueIdentifier)) return
  throw new Fault(
    'PermissionDenied',
    'a wrapping key of its instance wraps with a check value alone: by NISTKeyWrap, AESKeyWrapPadding, GCM or CCM',
  )
}

/**
 * Throws Fault FeatureNotSupported for the padding of PKCS#1 v1.5, unless the instance allows it and the private key is elsewhere.
 * This server never unwraps by that padding, and FIPS mode does not compute it.
 */
export function requireFitPadding(
  { name, legacyWrap }: Instance,
  { objectType, attributes }: Pick<ManagedObject, 'objectType' | 'attributes'>,
  { padding }: RsaEncryptionScheme,
): void {
  if (padding === 'OAEP') return
  if (legacyWrap !== true)
    throw new Fault(
      'FeatureNotSupported',
      `RSA wraps keys with the Padding Method OAEP alone. For a client that has PKCS1 v1.5 alone: mortise instance set ${shellWord(name)} --legacy-wrap yes`,
    )
  if (objectType !== 'PublicKey' || linksOf(attributes, 'PrivateKeyLink').length > 0)
    throw new Fault(
      'FeatureNotSupported',
      'RSA wraps keys with the Padding Method PKCS1 v1.5 under a registered public key alone, whose private key is not here',
    )
}
