// The act of Re-Provision: a certificate that this server signed replaces the one with which its client sends requests, in the
// trusted rows and in one commit. The instance also stores it as an object.

import { Fault } from '../../../wire/kmip/fault.ts'
import type { RowChange } from '../../trust/row-writes.ts'
import type { TrustTables } from '../../trust/rows.ts'
import { broughtCertificate } from '../forms/brought-object.ts'
import { describedBy } from '../forms/described-object.ts'
import { withDate } from '../object/managed-object.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface SignedCertificate {
  readonly der: Uint8Array
  /** Hex. */
  readonly sha256: string
  readonly notAfterMs: number
}

/** Returns the identifier of the stored certificate. Throws Fault PermissionDenied unless the caller is a client with a certificate. */
export async function reProvision(objects: TransactionObjects, signed: SignedCertificate): Promise<string> {
  const { staged } = objects
  const { id: clientId, certificateSha256: current } = staged.caller.actor
  staged.begin('client.re-provision', clientId)
  if (clientId === null || current === null)
    throw new Fault('PermissionDenied', 'only a client with a certificate gets another one')
  const { instanceId } = staged.caller
  const createdMs = staged.nowMs
  const { der, sha256: id, notAfterMs } = signed
  const certificate = Buffer.from(der).toString('base64')
  await objects.changeTrust(({ tables }) => ({
    put: [
      { kind: 'certificate', value: { id, clientId, instanceId, certificate, createdMs } },
      { kind: 'issued', value: { id, instanceId, notAfterMs, createdMs } },
      ...blockIfForeign(tables, current, createdMs),
    ],
    remove: [
      { kind: 'certificate', id: current },
      { kind: 'issued', id: current },
    ],
  }))
  const { material, ...brought } = broughtCertificate(der)
  const described = describedBy(new Map(), 'Certificate', { ...brought, material })
  const attributes = withDate(described, 'OriginalCreationDate', createdMs)
  const uniqueIdentifier = await objects.keep({ objectType: 'Certificate', attributes }, material, false)
  const detail = { certificate: id, replaces: current, object: uniqueIdentifier }
  staged.done({ detail })
  return uniqueIdentifier
}

/** Blocks a certificate that this server did not issue: a CA may vouch for it, so its removal would not suffice. */
function blockIfForeign(tables: TrustTables, id: string, createdMs: number): NonNullable<RowChange['put']> {
  if (tables.issued.has(id)) return []
  return [{ kind: 'block', value: { id, reason: 'another certificate took its place', createdMs } }]
}
