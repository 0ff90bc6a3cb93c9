// A batch with Undo: which items it may not have, and the answer to an item that was done and then undone, because a later one failed.

import { Fault } from '../../wire/kmip/fault.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'
import { atLeast, type Version } from '../../wire/kmip/version.ts'

/** They act on pending operations, outside the transaction. */
const lasting: ReadonlySet<OperationName> = new Set<OperationName>(['Cancel', 'Poll', 'Process'])

/** Throws Fault FeatureNotSupported. */
export function requireUndoable(operation: OperationName | null): void {
  if (operation !== null && lasting.has(operation))
    throw new Fault(
      'FeatureNotSupported',
      `${operation} cannot be undone: ask for it outside a batch with Undo`,
    )
}

/** In 2.x it keeps its payload (KMIP 2.1 §8.2), as long as that only repeats the identifier. */
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

/** Their payloads give nothing away, and name no object that is not there once the item is undone. */
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
