// The answer to an item that was done and then undone, because a later item of its batch failed.

import type { ResponseItem } from '../kmip/message.ts'
import type { OperationName } from '../kmip/operations.ts'
import { atLeast, type Version } from '../kmip/version.ts'

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
