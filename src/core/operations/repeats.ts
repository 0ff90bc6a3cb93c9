// An item that refers to several objects is repeated for each of them (KMIP 2.1 §11.58): the answer has an item for each, with the
// same operation and Unique Batch Item ID.

import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestItem, RequestMessage } from '../../wire/kmip/message.ts'
import { operationExistsIn } from '../../wire/kmip/operations.ts'
import { decodeRequestPayload } from '../../wire/kmip/payload.ts'
import { batchItemsMax } from '../../base/bounds.ts'
import type { BatchResults } from './batch-results.ts'

export interface RepeatedItem extends RequestItem {
  /** The object for which it is done this time. */
  readonly meant?: string
  /** It was done for another object before. */
  readonly isAgain?: true
}

/** Puts the repetitions of the item at this place into its place. More than a batch may have fail as one. */
export function repeatItem(
  items: RepeatedItem[],
  place: number,
  request: RequestMessage,
  results: BatchResults,
): RepeatedItem | undefined {
  const item = items[place]
  const ids = item && results.hasSeveral && item.meant === undefined && idsIn(item, request, results)
  if (!item || !ids) return item
  if (items.length + ids.length - 1 <= batchItemsMax)
    items.splice(place, 1, ...ids.map((meant, index) => ({ ...item, meant, ...(index > 0 && again) })))
  else items[place] = { ...item, fault: tooMany }
  return items[place]
}

const again = { isAgain: true } as const
const tooMany = new Fault(
  'ServerLimitExceeded',
  `the item refers to so many objects that the answer would have more than ${batchItemsMax} items`,
)

function idsIn(
  { operation, payload, fault }: RequestItem,
  request: RequestMessage,
  results: BatchResults,
): readonly string[] | undefined {
  if (operation === null || fault || !operationExistsIn(operation, request.version)) return undefined
  try {
    return results.repeatedFor(decodeRequestPayload(operation, payload, request))
  } catch (error) {
    // It fails again, and is answered, when it is done.
    if (error instanceof Fault) return undefined
    throw error
  }
}
