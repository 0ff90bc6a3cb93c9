// An item that refers to several objects is repeated for each of them (KMIP 2.1 §11.58): the answer has an item for each, with
// the same operation and Unique Batch Item ID.

import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestItem, RequestMessage } from '../../wire/kmip/message.ts'
import { operationExistsIn } from '../../wire/kmip/operations.ts'
import { decodeRequestPayload } from '../../wire/kmip/payload.ts'
import { batchItemsMax } from '../../base/bounds.ts'
import type { BatchResults } from './batch-results.ts'

export interface RepeatedItem extends RequestItem {
  /** The object of this repetition. */
  readonly meant?: string
  /** Whether it was done for another object before. */
  readonly isAgain?: true
}

/** Replaces the item at this place by its repetitions. If they exceed the limit of a batch, the item fails as one. */
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
    // Later the item itself runs, fails again, and gets this fault as its answer.
    if (error instanceof Fault) return undefined
    throw error
  }
}
