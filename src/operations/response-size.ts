// Maximum Response Size (KMIP 1.4 §6.3): the items that do not fit fail with Response Too Large; those that fit stay.

import {
  responseHeaderBytes,
  responseItemBytes,
  type ResponseItem,
  type ResponseMessage,
} from '../kmip/message.ts'
import { limits } from '../limits.ts'

/** The response with each item that would make it too large replaced by its failure. */
export function fitted(response: ResponseMessage, maximumBytes: number | undefined): ResponseMessage {
  if (maximumBytes === undefined && response.items.every(isSmall)) return response
  const most = Math.min(maximumBytes ?? limits.messageBytesMax, limits.messageBytesMax)
  let bytes = responseHeaderBytes(response)
  const items = response.items.map((item) => {
    const size = responseItemBytes(item, response.version)
    const fits = bytes + size <= most
    const kept = fits ? item : tooLarge(item, most)
    bytes += fits ? size : responseItemBytes(kept, response.version)
    return kept
  })
  return { ...response, items }
}

/** A full batch of such items stays below what a message may have. */
function isSmall({ payload }: ResponseItem): boolean {
  return (payload?.length ?? 0) < limits.messageBytesMax / limits.batchItemsMax / 2
}

function tooLarge({ operationCode, uniqueBatchItemId, payload }: ResponseItem, most: number): ResponseItem {
  payload?.fill(0)
  return {
    operationCode,
    uniqueBatchItemId,
    status: 'OperationFailed',
    reason: 'ResponseTooLarge',
    message: `the answer has more than ${String(most)} bytes`,
  }
}
