// The items of a response, with the result of each request item.

import type { Fault } from '../../wire/kmip/fault.ts'
import { reasonFor } from '../../wire/kmip/result-reasons.ts'
import type { RequestItem, RequestMessage, ResponseItem } from '../../wire/kmip/message.ts'

export function succeeded(item: RequestItem, payload: Buffer): ResponseItem {
  return { ...echo(item), status: 'Success', payload }
}

export function failedItem(
  request: RequestMessage,
  item: RequestItem,
  { reason, message }: Fault,
): ResponseItem {
  return {
    ...echo(item),
    status: 'OperationFailed',
    reason: reasonFor(item.operation, reason, request.version),
    message,
  }
}

export function echo({ operationCode, uniqueBatchItemId }: RequestItem) {
  return { operationCode, uniqueBatchItemId }
}

/** For metrics. */
export function resultOf({ status, reason }: ResponseItem): string {
  return resultNames[status] ?? reason ?? 'failed'
}

const resultNames: { readonly [S in ResponseItem['status']]?: string } = {
  Success: 'success',
  OperationUndone: 'undone',
  OperationPending: 'pending',
}
