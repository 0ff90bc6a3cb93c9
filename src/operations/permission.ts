// Whether the client may ask for an operation (trust/allow.ts). Asked here for each item of each batch, before its
// handler is called, so that no handler can forget it; a refusal is entered in the audit as the operation itself would be.

import type { Request } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import type { KeyWork } from '../keys/key-work.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { HandledOperation } from './handlers.ts'

/** Under which action each operation is entered; null: it touches no key, is entered nowhere, and is open to all. */
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

/** Fault PermissionDenied. `placeholder`: the object that is meant where the request names none. */
export function requirePermission(
  work: Pick<KeyWork, 'requirePermission'>,
  operation: HandledOperation,
  request: object,
  placeholder: string | undefined,
): void {
  const action = actions[operation]
  if (action === null) return
  work.requirePermission(operation, action, objectOf(operation, request, placeholder))
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
