// The acts that use a key without handing it out: Encrypt, Decrypt, Sign, Signature Verify, MAC and MAC Verify, and Hash, which
// needs no key; each over whole data or data in parts. The rules of use come first, limits are counted in the same transaction,
// and the audit entry has the number of bytes, never the bytes.

import { randomBytes } from 'node:crypto'
import { checkedIv, cipherSetting, type CipherSetting } from '../../crypto/cipher-setting.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { AuditAction } from '../../ports/audit-actions.ts'
import type { Computed, Opened } from '../transaction/computations.ts'
import { faultOf } from '../transaction/crypto-fault.ts'
import { unusable, usableKey } from './key-bytes.ts'
import {
  cipherParameters,
  dataMacAlgorithm,
  parametersFor,
  rsaEncryptionScheme,
  signatureScheme,
  type CryptoParameters,
} from './crypto-settings.ts'
import type { AsymmetricKey } from '../../crypto/asymmetric.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { isProtecting, type KeyUse } from '../object/use-rule.ts'
import { spendUsage } from '../object/usage-limits.ts'

/** Which part of the data this is (KMIP 1.4 §2.1.15 to §2.1.17). With nothing set: all of it. */
export interface StreamedPart {
  readonly correlationValue?: Uint8Array | undefined
  readonly init?: boolean | undefined
  readonly final?: boolean | undefined
}

export interface DataRequest extends StreamedPart {
  readonly parameters?: CryptoParameters | undefined
  readonly data?: Uint8Array | undefined
}

export interface KeyUseRequest extends DataRequest {
  readonly uniqueIdentifier: string
  readonly use: Extract<KeyUse, 'Encrypt' | 'Decrypt' | 'Sign' | 'Verify' | 'MACGenerate' | 'MACVerify'>
  readonly iv?: Uint8Array | undefined
  readonly aad?: Uint8Array | undefined
  readonly tag?: Uint8Array | undefined
  /** Before KMIP 1.4 the tag is at the end of the data. */
  readonly tagAppended?: boolean | undefined
  /** Whether the data is already a digest. */
  readonly digested?: boolean | undefined
  /** The MAC or signature to verify. */
  readonly expected?: Uint8Array | undefined
}

const actions: Readonly<Record<KeyUseRequest['use'], AuditAction>> = {
  Encrypt: 'key.encrypt',
  Decrypt: 'key.decrypt',
  Sign: 'key.sign',
  Verify: 'key.signature-verify',
  MACGenerate: 'key.mac',
  MACVerify: 'key.mac-verify',
}

export async function useKey(objects: TransactionObjects, request: KeyUseRequest): Promise<Computed> {
  const { staged } = objects
  const { uniqueIdentifier, use, data } = request
  const action = actions[use]
  staged.begin(action, uniqueIdentifier)
  const object = await objects.live(uniqueIdentifier)
  await objects.requireUse(object, use)
  const step = stepOf(request)
  const bytes = data?.length ?? 0
  if (isProtecting(use)) await spend(objects, object, { bytes, objects: step.begins ? 1 : 0 })
  const computed = await objects.take(
    { operation: action, uniqueIdentifier },
    { ...step, data, ending: { tag: request.tag, expected: request.expected } },
    async () => openingOf(objects, object, request, step),
  )
  staged.done({ detail: { bytes } })
  return computed
}

export async function hash(objects: TransactionObjects, request: DataRequest): Promise<Computed> {
  objects.staged.begin('crypto.hash', null)
  const { data, parameters } = request
  const opening = { kind: 'hash', hash: parameters?.HashingAlgorithm } as const
  const computed = await objects.take(
    { operation: 'crypto.hash', uniqueIdentifier: null },
    { ...stepOf(request), data, ending: {} },
    async () => ({ opening }),
  )
  objects.staged.done({ detail: { bytes: data?.length ?? 0 } })
  return computed
}

export interface Step {
  /** The computation that this part continues. */
  readonly id?: string | undefined
  readonly begins: boolean
  readonly ends: boolean
}

/** Pure. KMIP 1.4 §4: without a Correlation Value, both indicators together mean whole data, and so does neither. */
export function stepOf({ correlationValue, init = false, final = false }: StreamedPart): Step {
  if (correlationValue === undefined) {
    if (final && !init)
      throw new Fault('InvalidMessage', 'a Final Indicator goes with the Correlation Value of what it ends')
    return { begins: true, ends: init === final }
  }
  if (init) throw new Fault('InvalidMessage', 'an Init Indicator begins again: it has no Correlation Value')
  return { id: Buffer.from(correlationValue).toString('hex'), begins: false, ends: final }
}

async function spend(
  objects: TransactionObjects,
  object: ManagedObject,
  amount: Parameters<typeof spendUsage>[1],
): Promise<void> {
  const attributes = spendUsage(object.attributes, amount)
  if (attributes) await objects.stage(object, { ...object, attributes })
}

/** How the computation begins, with the key, which the transaction wipes. Throws Faults. */
async function openingOf(
  objects: TransactionObjects,
  object: ManagedObject,
  request: KeyUseRequest,
  step: Step,
): Promise<Opened> {
  const key = await usableKey(objects, object)
  const parameters = parametersFor(object.attributes, request.parameters)
  const about = { object, request, parameters, step }
  try {
    return 'symmetric' in key
      ? await symmetricOpening(objects, key.symmetric, about)
      : asymmetricOpening(key.asymmetric, about)
  } catch (error) {
    throw faultOf(error)
  }
}

interface About {
  readonly object: ManagedObject
  readonly request: KeyUseRequest
  readonly parameters: CryptoParameters
  readonly step: Step
}

async function symmetricOpening(
  objects: TransactionObjects,
  key: Uint8Array,
  { object, request, parameters, step }: About,
): Promise<Opened> {
  const { use, expected } = request
  if (use === 'Sign' || use === 'Verify') throw unusable(object.objectType)
  if (use === 'MACGenerate' || use === 'MACVerify') {
    const algorithm = dataMacAlgorithm(object.attributes, parameters)
    return { opening: { kind: 'mac', key, algorithm, verify: use === 'MACVerify', expected } }
  }
  const cipher = cipherParameters(object.attributes, parameters)
  const setting = cipherSetting(cipher, key.length)
  const chosen =
    use === 'Encrypt' ? await chosenIv(objects, object, { setting, parameters, request }) : undefined
  const { aad, tag, data, tagAppended } = request
  const totalBytes = step.ends ? (data?.length ?? 0) : undefined
  const kind = use === 'Encrypt' ? 'encrypt' : 'decrypt'
  const iv = chosen ?? request.iv
  checkedIv(setting, iv)
  return { opening: { kind, key, cipher, iv, aad, tag, tagAppended, totalBytes }, iv: chosen }
}

function asymmetricOpening(key: AsymmetricKey, { object, request, parameters }: About): Opened {
  const { use, digested = false, expected } = request
  switch (use) {
    case 'Encrypt':
    case 'Decrypt': {
      const kind = use === 'Encrypt' ? 'rsa-encrypt' : 'rsa-decrypt'
      return { opening: { kind, key, scheme: rsaEncryptionScheme(parameters) } }
    }
    case 'Sign':
    case 'Verify': {
      const scheme = signatureScheme(object.attributes, parameters, digested)
      return { opening: { kind: 'signature', key, scheme, digested, verify: use === 'Verify', expected } }
    }
    case 'MACGenerate':
    case 'MACVerify':
      throw unusable(object.objectType)
    default:
      return use satisfies never
  }
}

/** A random IV, if the parameters request one and the request has none. */
async function chosenIv(
  objects: TransactionObjects,
  object: ManagedObject,
  about: {
    readonly setting: CipherSetting
    readonly parameters: CryptoParameters
    readonly request: KeyUseRequest
  },
): Promise<Uint8Array | undefined> {
  const { setting, parameters, request } = about
  if (parameters.RandomIV !== true || request.iv || !setting.iv) return undefined
  if (setting.kind === 'aead') await objects.takeNonce(object.uniqueIdentifier)
  return randomBytes(setting.iv.usual)
}
