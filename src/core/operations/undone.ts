// A batch with Undo: which items it must not have, and the answer to a successful item that a later failure undid.

import { Fault } from '../../wire/kmip/fault.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'

/** These act on pending operations, outside the transaction. */
const lasting: ReadonlySet<OperationName> = new Set<OperationName>(['Cancel', 'Poll', 'Process'])

/** Throws Fault FeatureNotSupported. */
export function requireUndoable(operation: OperationName | null): void {
  if (operation !== null && lasting.has(operation))
    throw new Fault(
      'FeatureNotSupported',
      `${operation} cannot be undone: ask for it outside a batch with Undo`,
    )
}

/** The answer in 2.x keeps its payload (KMIP 2.1 §8.2) if the payload only repeats the identifier. */
export function undone(
  item: ResponseItem,
  operation: OperationName | null | undefined,
  version: Version,
): ResponseItem {
  const { payload, ...rest } = item
  if (payload && operation && atLeast(version, '2.0') && identifiesOnly.has(operation))
    return { ...rest, payload, status: 'OperationUndone' }
  payload?.fill(0)
  return { ...rest, status: 'OperationUndone' }
}

/** Operations whose payloads reveal nothing, and name only objects that still exist after the undo. */
const identifiesOnly: ReadonlySet<OperationName> = new Set<OperationName>([
  'Activate',
  'AddAttribute',
  'AdjustAttribute',
  'Archive',
  'Check',
  'DeleteAttribute',
  'Destroy',
  'GetUsageAllocation',
  'ModifyAttribute',
  'Recover',
  'Revoke',
  'SetAttribute',
])
