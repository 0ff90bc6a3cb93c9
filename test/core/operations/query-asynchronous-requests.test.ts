// Query Asynchronous Requests: what the client has pending, by value and by operation.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { queryAsynchronousRequests } from '../../../src/core/operations/query-asynchronous-requests.ts'

const pending = (text: string, operation: string) =>
  ({ value: Buffer.from(text), operation, submittedMs: 1_500, stage: 'Submitted' }) as const

test('those of the values and of the operations that are asked for, or all', async () => {
  const all = [pending('a', 'Locate'), pending('b', 'Certify'), pending('c', 'Locate')]
  const context = {
    transaction: { party: 'me' },
    asynchronous: { pending: (party: string) => (party === 'me' ? all : []) },
  } as unknown as Context
  const ask = async (values?: readonly string[], operations?: readonly string[]) => {
    const request = {
      ...(values && {
        AsynchronousCorrelationValues: {
          AsynchronousCorrelationValue: values.map((one) => Buffer.from(one)),
        },
      }),
      ...(operations && { Operations: { Operation: operations } }),
    } as Request<'QueryAsynchronousRequests'>
    const { AsynchronousRequest } = await queryAsynchronousRequests(context, request)
    return AsynchronousRequest.map((one) => Buffer.from(one.AsynchronousCorrelationValue).toString())
  }
  assert.deepEqual(await ask(), ['a', 'b', 'c'])
  assert.deepEqual(await ask([], []), ['a', 'b', 'c'])
  assert.deepEqual(await ask(['c', 'none']), ['c'])
  assert.deepEqual(await ask(undefined, ['Locate']), ['a', 'c'])
  assert.deepEqual(await ask(['a', 'b'], ['Certify', 'Recover']), ['b'])
  const [first] = (await queryAsynchronousRequests(context, {})).AsynchronousRequest
  assert.deepEqual(
    [first?.Operation, first?.SubmissionDate, first?.ProcessingStage],
    ['Locate', 1_500_000n, 'Submitted'],
  )
})
