// Validate (KMIP 1.4 §4.24): checks the certificates of a request, and the stored ones that it names, as one chain.

import { Fault } from '../../../wire/kmip/fault.ts'
import { certificateChainMax } from '../../../base/bounds.ts'
import type { ChainValidity } from '../../pki/validate.ts'
import { currentState } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface ChainRequest {
  readonly certificates: readonly Uint8Array[]
  readonly uniqueIdentifiers: readonly string[]
  /** Milliseconds since 1970; left out: now. */
  readonly atMs: number | undefined
}

/** A certificate that a client revoked here makes the chain invalid. Throws Faults. */
export async function validate(objects: TransactionObjects, request: ChainRequest): Promise<ChainValidity> {
  const { staged } = objects
  const { certificates, uniqueIdentifiers, atMs = staged.nowMs } = request
  staged.begin('certificate.validate', uniqueIdentifiers[0] ?? null)
  const count = certificates.length + uniqueIdentifiers.length
  // KMIP 1.4 §11.25.
  if (count === 0)
    throw new Fault('InvalidMessage', 'Validate needs certificates, or their Unique Identifiers')
  if (count > certificateChainMax)
    throw new Fault('InvalidField', `Validate takes ${certificateChainMax} certificates at most`)
  const stored = await Promise.all(uniqueIdentifiers.map(async (id) => storedCertificate(objects, id)))
  const isRevoked = stored.some(({ revoked }) => revoked)
  const chain = { certificates: [...certificates, ...stored.map(({ der }) => der)], atMs }
  const { validity } = isRevoked ? brokenOff : await objects.compute('validate-chain', chain)
  staged.done({ detail: { validity } })
  return validity
}

const brokenOff = { validity: 'Invalid' } as const

async function storedCertificate(objects: TransactionObjects, uniqueIdentifier: string) {
  const object = await objects.live(uniqueIdentifier)
  const { bytes, head } = await objects.open(object)
  if (object.objectType !== 'Certificate' || head.certificateType !== 'X_509')
    throw new Fault('InvalidObjectType', 'Validate takes X.509 certificates')
  const state = currentState(object, objects.staged.nowMs)
  return { der: bytes, revoked: state !== 'PreActive' && state !== 'Active' }
}
