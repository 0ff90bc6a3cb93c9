// Whether a key may be used in a certain way now, by its mask, its state and its dates. Pure. Sensitive and Extractable do not
// matter here: a key that may not leave still encrypts.

import { first } from '../../../wire/kmip/attributes.ts'
import { maskOf, type MaskName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { currentState, isCryptographic, type ManagedObject } from './managed-object.ts'

/** A bit of the Cryptographic Usage Mask (KMIP 1.4 §3.19), or a use that several bits allow. */
export type KeyUse =
  | Extract<
      MaskName<'CryptographicUsageMask'>,
      | 'Encrypt'
      | 'Decrypt'
      | 'Sign'
      | 'Verify'
      | 'MACGenerate'
      | 'MACVerify'
      | 'DeriveKey'
      | 'WrapKey'
      | 'UnwrapKey'
      | 'CertificateSign'
    >
  | 'Encapsulate'
  | 'Decapsulate'

/** The uses that protect new data. The others process data that was protected before. */
const protecting: ReadonlySet<KeyUse> = new Set([
  'Encrypt',
  'Sign',
  'MACGenerate',
  'DeriveKey',
  'WrapKey',
  'CertificateSign',
  'Encapsulate',
])

/** The draft of 3.0 has no bits for these, and does not say which other bits they need. */
const masks: { readonly [U in KeyUse]?: readonly MaskName<'CryptographicUsageMask'>[] } = {
  Encapsulate: ['KeyAgreement', 'Encrypt', 'WrapKey'],
  Decapsulate: ['KeyAgreement', 'Decrypt', 'UnwrapKey'],
}

function maskFor(use: KeyUse): number {
  return maskOf('CryptographicUsageMask', masks[use] ?? [use as MaskName<'CryptographicUsageMask'>])
}

/** Whether Usage Limits count the use (KMIP 1.4 §3.21). */
export function isProtecting(use: KeyUse): boolean {
  return protecting.has(use)
}

/**
 * Throws Fault IncompatibleCryptographicUsageMask, WrongKeyLifecycleState or PermissionDenied. KMIP 1.4 §3.22: only an Active key
 * protects. A deactivated or compromised key still opens its data, so that no client loses data (SP 800-57 part 1 §7.3); to end
 * that, an administrator destroys the key.
 */
export function requireUse(object: ManagedObject, use: KeyUse, nowMs: number): void {
  const { objectType, attributes } = object
  if (!isCryptographic(objectType))
    throw new Fault('InvalidObjectType', `an object of type ${objectType} is no key`)
  const bit = maskFor(use)
  if (((first(attributes, 'CryptographicUsageMask') ?? 0) & bit) === 0)
    throw new Fault(
      'IncompatibleCryptographicUsageMask',
      `the key's Cryptographic Usage Mask does not allow ${use}`,
    )
  requireState(currentState(object, nowMs), use)
  requireDates(object, use, nowMs)
}

/**
 * For a client that protects data with the key itself. Throws Faults IllegalOperation if the mask allows no such use,
 * PermissionDenied if the key may not protect now.
 */
export function requireToProtect(object: ManagedObject, nowMs: number): void {
  const mask = first(object.attributes, 'CryptographicUsageMask') ?? 0
  const [use] = [...protecting].filter((one) => (mask & maskFor(one)) !== 0)
  if (use === undefined)
    throw new Fault(
      'IllegalOperation',
      "the key's Cryptographic Usage Mask lets nobody protect anything with it",
    )
  requireUse(object, use, nowMs)
}

function requireState(state: ReturnType<typeof currentState>, use: KeyUse): void {
  if (state === 'Active') return
  const stillProcesses = !protecting.has(use) && (state === 'Deactivated' || state === 'Compromised')
  if (stillProcesses) return
  const todo = state === 'PreActive' ? ': activate it first' : ''
  throw new Fault('WrongKeyLifecycleState', `the key is ${state}, so it may not be used for ${use}${todo}`)
}

/** KMIP 1.4 §3.25, §3.26. */
function requireDates({ attributes }: Pick<ManagedObject, 'attributes'>, use: KeyUse, nowMs: number): void {
  const reached = (date: bigint | undefined) => date !== undefined && Number(date) * 1000 <= nowMs
  if (protecting.has(use)) {
    if (reached(first(attributes, 'ProtectStopDate')))
      throw new Fault(
        'WrongKeyLifecycleState',
        `the key's Protect Stop Date is over: it may not be used for ${use}`,
      )
    return
  }
  const start = first(attributes, 'ProcessStartDate')
  if (start !== undefined && !reached(start))
    throw new Fault(
      'WrongKeyLifecycleState',
      `the key's Process Start Date is not reached: it may not be used for ${use}`,
    )
}
