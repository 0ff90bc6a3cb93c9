// Query Asynchronous Requests (KMIP 2.1 §6.1.41): the client's requests that are pending or not polled yet.

import type { Handler } from './handler.ts'

export const queryAsynchronousRequests: Handler<'QueryAsynchronousRequests'> = async (
  { transaction, asynchronous },
  request,
) => {
  const values = request.AsynchronousCorrelationValues?.AsynchronousCorrelationValue ?? []
  const correlationValues = new Set(values.map((value) => Buffer.from(value).toString('hex')))
  const operations = request.Operations?.Operation ?? []
  return {
    AsynchronousRequest: asynchronous
      .pending(transaction.party)
      .filter(({ value }) => correlationValues.size === 0 || correlationValues.has(value.toString('hex')))
      .filter(({ operation }) => operations.length === 0 || operations.includes(operation))
      .map(({ value, operation, submittedMs, stage }) => ({
        AsynchronousCorrelationValue: value,
        Operation: operation,
        SubmissionDate: BigInt(Math.floor(submittedMs)) * 1000n,
        ProcessingStage: stage,
      })),
  }
}
