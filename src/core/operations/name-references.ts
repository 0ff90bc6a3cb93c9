// In KMIP 3.0, a draft, a request may name its object by a Name Reference. This replaces it by the identifier of the only object
// with that Name.

import type { Request } from '../../wire/kmip/operations.ts'
import type { KeyTransaction } from '../keys/key-transaction.ts'
import { identifierFields } from './batch-results.ts'

type Identifier = NonNullable<Request<'Get'>['UniqueIdentifier']>

/** The request with identifiers in place of names. A Name that no object has stays, and a later step refuses it. */
export async function withNamesResolved<R extends object>(
  transaction: Pick<KeyTransaction, 'identifierNamed'>,
  request: R,
): Promise<R> {
  const fields: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(request) as [string, Identifier | readonly Identifier[]][]) {
    if (!identifierFields.includes(field)) continue
    if (!Array.isArray(value)) fields[field] = await resolved(transaction, value as Identifier)
    else fields[field] = await Promise.all((value as Identifier[]).map((one) => resolved(transaction, one)))
  }
  return { ...request, ...fields }
}

async function resolved(
  transaction: Pick<KeyTransaction, 'identifierNamed'>,
  identifier: Identifier,
): Promise<Identifier> {
  if (typeof identifier !== 'object' || identifier.type !== 'NameReference') return identifier
  return (await transaction.identifierNamed(identifier.value)) ?? identifier
}
