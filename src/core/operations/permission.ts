// Refuses operations that the client may not request (core/trust/allow.ts). batch.ts calls this for each item before the
// item's handler, so no handler can forget it. The audit enters a refusal under the operation's own action.

import type { OperationName, Request } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import { uniqueIdentifierBytesMax } from '../../base/bounds.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { KeyTransaction } from '../keys/key-transaction.ts'
import type { Handled } from './handlers.ts'
import type { Rights } from './tickets.ts'

/**
 * Throws the Fault PermissionDenied, or NotAuthorised if a ticket does not permit the operation. `placeholder`: the object of a
 * request without an identifier.
 */
export function requirePermission(
  transaction: Pick<KeyTransaction, 'requirePermission'>,
  operation: OperationName,
  { action, onObject, standsAlone }: Pick<Handled<OperationName>, 'action' | 'onObject' | 'standsAlone'>,
  request: Parameters<Handled<OperationName>['handler']>[1],
  {
    placeholder,
    rights,
    version,
  }: {
    readonly placeholder: string | undefined
    readonly rights?: Rights | undefined
    readonly version: Version
  },
): MaybePromise<void> {
  const isAbout = onObject && standsAlone?.(request, version) !== true
  const object = isAbout ? objectOf(request, placeholder) : null
  return transaction.requirePermission(operation, action, object, rights)
}

function objectOf(request: object, placeholder: string | undefined): string | null {
  const { UniqueIdentifier }: Partial<Request<'Get'>> = request
  const named = UniqueIdentifier ?? placeholder
  if (typeof named !== 'string' || Buffer.byteLength(named) > uniqueIdentifierBytesMax) return null
  return named
}
