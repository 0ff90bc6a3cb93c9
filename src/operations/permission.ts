// Refuses operations that the client may not request (trust/allow.ts). batch.ts calls this for each item before the
// item's handler, so no handler can forget it. The audit enters a refusal under the operation's own action.

import type { Request } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import type { KeyTransaction } from '../keys/key-transaction.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { HandledOperation } from './handlers.ts'

/**
 * The audit action of each operation. Null: the operation touches no key, has no audit entry, and every client may
 * request it.
 */
const actions: { readonly [N in HandledOperation]: AuditAction | null } = {
  Activate: 'key.activate',
  AddAttribute: 'key.attribute.add',
  Check: 'key.check',
  Create: 'key.create',
  DeleteAttribute: 'key.attribute.delete',
  Destroy: 'key.destroy',
  DiscoverVersions: null,
  Get: 'key.get',
  GetAttributeList: 'key.attributes',
  GetAttributes: 'key.attributes',
  Locate: 'key.locate',
  ModifyAttribute: 'key.attribute.modify',
  Query: null,
  Register: 'key.register',
  Revoke: 'key.revoke',
}

/** Throws the Fault PermissionDenied. `placeholder`: the object that a request without an identifier refers to. */
export function requirePermission(
  transaction: Pick<KeyTransaction, 'requirePermission'>,
  operation: HandledOperation,
  request: object,
  placeholder: string | undefined,
): void {
  const action = actions[operation]
  if (action === null) return
  transaction.requirePermission(operation, action, objectOf(operation, request, placeholder))
}

const withoutObject: ReadonlySet<HandledOperation> = new Set(['Create', 'Locate', 'Register'])

function objectOf(
  operation: HandledOperation,
  request: { readonly UniqueIdentifier?: Request<'Get'>['UniqueIdentifier'] },
  placeholder: string | undefined,
): string | null {
  if (withoutObject.has(operation)) return null
  const named = request.UniqueIdentifier ?? placeholder
  if (typeof named !== 'string' || Buffer.byteLength(named) > limits.uniqueIdentifierBytesMax) return null
  return named
}
