// A batch: answers each item on its own, in order (KMIP 1.4 §6.14, §6.15). With Stop and Continue each item is a transaction of
// its own. With Undo all items are one transaction, which commits as a whole or leaves only its audit record. A batch stops as soon
// as its client stops waiting. A request's context lives only here.

import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestItem, RequestMessage, ResponseItem } from '../../wire/kmip/message.ts'
import { operationExistsIn, type OperationName } from '../../wire/kmip/operations.ts'
import { decodeRequestPayload, encodeResponsePayload } from '../../wire/kmip/payload.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import { partyOf } from '../trust/caller.ts'
import { openCaller } from '../keys/object/closed-instance.ts'
import type { PerformOptions } from '../keys/keys.ts'
import type { FetchUpstream } from '../keys/transaction/missing-object.ts'
import type { KeyTransaction } from '../keys/key-transaction.ts'
import type { Pace } from '../keys/transaction/pace.ts'
import { answeredLater } from './asynchronous.ts'
import type { BatchOptions } from './batch-options.ts'
import { BatchResults, resolvedRequest, withoutData } from './batch-results.ts'
import type { Context } from './handler.ts'
import { handled } from './handlers.ts'
import { ItemTimes } from './item-times.ts'
import { withNamesResolved } from './name-references.ts'
import { requirePermission } from './permission.ts'
import { Placeholder } from './placeholder.ts'
import { repeatItem, type RepeatedItem } from './repeats.ts'
import { echo, failedItem, resultOf, succeeded } from './response-items.ts'
import type { AnswerRoom } from './response-size.ts'
import { noTickets } from './ticket-session.ts'
import { requireUndoable, undone } from './undone.ts'

/** Returns the response items: one for each processed item. Throws nothing. */
export async function answerBatch(
  request: RequestMessage,
  options: BatchOptions,
): Promise<readonly ResponseItem[]> {
  const times = new ItemTimes(options.clock)
  const { items, answered } = await answerItems(request, options, times)
  // With Undo the commit's time belongs to the last item.
  times.charge(items.length - 1)
  for (const [index, item] of items.entries()) {
    const operation = answered[index]?.operation ?? null
    options.onOperation({ operation, result: resultOf(item), seconds: times.secondsOf(index) })
  }
  return items
}

/** The answers, and the items that they answer: the request's items, with repetitions for several objects. */
interface Answers {
  readonly items: readonly ResponseItem[]
  readonly answered: readonly RequestItem[]
}

async function answerItems(
  request: RequestMessage,
  options: BatchOptions,
  times: ItemTimes,
): Promise<Answers> {
  const refusal = refuseWhole(request)
  if (refusal) return allFailed(request, refusal)
  if (request.batchErrorContinuationOption === 'Undo') return undoBatch(request, options, times)
  const [only, ...others] = request.items
  const isLater = request.asynchronousIndicator !== 'Prohibited' && others.length === 0
  if (only && isLater && mayWait(only))
    return { items: [await beginLater(request, only, options)], answered: request.items }
  return answerApart(batchOf(request, options), times)
}

/** The values that all items of a request share. */
interface Batch {
  readonly request: RequestMessage
  readonly options: BatchOptions
  readonly room: AnswerRoom
  /** The results to which later items may refer. Empty in 1.x, which has no such references. */
  readonly results: BatchResults
  /** Handles an item in the request's version. */
  readonly handle: typeof handle1x
}

function batchOf(request: RequestMessage, options: BatchOptions, room = options.room): Batch {
  const handle = atLeast(request.version, '2.0') ? handle2x : handle1x
  return { request, options, room, results: new BatchResults(), handle }
}

/** Answers the items in their order. `answer` returns whether the batch ends with this item. */
async function eachItem(
  { request, room, results }: Batch,
  times: ItemTimes,
  answer: (
    item: RepeatedItem,
    isFirst: boolean,
  ) => Promise<{ readonly item: ResponseItem; readonly isLast: boolean }>,
): Promise<Answers> {
  const answered: RepeatedItem[] = [...request.items]
  const items: ResponseItem[] = []
  try {
    for (let index = 0, isLast = false; !isLast; index++) {
      const next = repeatItem(answered, index, request, results)
      if (!next) break
      try {
        const ended = await answer(next, index === 0)
        items.push(ended.item)
        room.add(ended.item)
        isLast = ended.isLast
      } finally {
        times.charge(index)
      }
    }
  } finally {
    results.wipe()
  }
  return { items, answered }
}

/** With Stop and Continue each item is a transaction of its own. */
async function answerApart(batch: Batch, times: ItemTimes): Promise<Answers> {
  const { request, options, room } = batch
  const stops = request.batchErrorContinuationOption === 'Stop'
  let placeholder: string | undefined
  return eachItem(batch, times, async (item, isFirst) => {
    const stopped = room.exhausted ?? (isFirst ? undefined : await nextTurn(options.pace))
    const answer = stopped
      ? { item: failedItem(request, item, stopped), placeholder }
      : await answerItem(batch, item, placeholder)
    const { status } = answer.item
    if (status === 'Success') placeholder = answer.placeholder
    const isLast = status === 'OperationFailed' && (stops || stopped?.reason === canceled)
    return { item: answer.item, isLast }
  })
}

const canceled = 'OperationCanceledByRequester'

/** Returns a Fault if the client stopped waiting for the answer. */
async function nextTurn(pace: Pace): Promise<Fault | undefined> {
  try {
    await pace.turn()
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

/** The Fault that makes a whole message fail before any item runs. */
function refuseWhole({ items, asynchronousIndicator }: RequestMessage): Fault | undefined {
  const [only, ...others] = items
  if (items.some(({ extensions }) => extensions.some(({ critical }) => critical)))
    return new Fault(
      'FeatureNotSupported',
      'the message has a critical extension that this server does not know',
    )
  if (asynchronousIndicator === 'Mandatory' && !(only && others.length === 0 && mayWait(only)))
    return new Fault(
      'FeatureNotSupported',
      'this server answers at once where it can, also where an asynchronous answer is demanded',
    )
  return undefined
}

function mayWait(item: RequestItem): item is RequestItem & { readonly operation: OperationName } {
  return item.operation !== null && answeredLater.has(item.operation)
}

/** KMIP 1.4 §6.7: the client fetches the answer later. The message's bytes are wiped before then, so this copies them. */
async function beginLater(
  request: RequestMessage,
  item: RequestItem & { readonly operation: OperationName },
  options: BatchOptions,
): Promise<ResponseItem> {
  const own = { ...item, payload: Buffer.from(item.payload) }
  const { operation } = item
  try {
    const party = partyOf(await options.identify())
    const run = async () => {
      const times = new ItemTimes(options.clock)
      const batch = batchOf(request, { ...options, ...options.later() })
      const answer = await answerItem(batch, own, undefined)
      batch.results.wipe()
      times.charge(0)
      options.onOperation({ operation, result: resultOf(answer.item), seconds: times.secondsOf(0) })
      return answer.item
    }
    const asynchronousCorrelationValue = options.asynchronous.begin(
      party,
      { operation, version: request.version, payload: own.payload },
      run,
    )
    return { ...echo(item), status: 'OperationPending', asynchronousCorrelationValue }
  } catch (error) {
    own.payload.fill(0)
    return failedItem(request, item, asFault(error, item, options))
  }
}

/** Answers a Poll with the answer of the pending operation. */
async function poll(
  request: RequestMessage,
  item: RequestItem,
  options: BatchOptions,
): Promise<ResponseItem> {
  if (item.fault) throw item.fault
  const giveBack = await options.session?.rights?.require('Poll', null, () => [])
  try {
    const { AsynchronousCorrelationValue: value } = decodeRequestPayload('Poll', item.payload, request)
    const party = partyOf(openCaller(await options.identify()))
    const answer = await options.asynchronous.poll(party, value, request.version)
    if (!answer) return { ...echo(item), status: 'OperationPending', asynchronousCorrelationValue: value }
    const answered = { ...answer, uniqueBatchItemId: item.uniqueBatchItemId }
    options.room.require(answered)
    return answered
  } catch (error) {
    giveBack?.()
    throw error
  }
}

interface ItemAnswer {
  readonly item: ResponseItem
  readonly placeholder: string | undefined
}

async function answerItem(batch: Batch, item: RepeatedItem, before: string | undefined): Promise<ItemAnswer> {
  const { request, options, results } = batch
  let placeholder: Placeholder | undefined
  try {
    if (item.operation === 'Poll') return { item: await poll(request, item, options), placeholder: before }
    const work = (transaction: KeyTransaction) => {
      placeholder = new Placeholder(before)
      return batch.handle(batch, item, { transaction, placeholder })
    }
    const payload = await options.keys.perform(options.identify, work, performing(options))
    results.keep()
    return { item: succeeded(item, payload), placeholder: placeholder?.value }
  } catch (error) {
    results.drop()
    return { item: failedItem(request, item, asFault(error, item, options)), placeholder: before }
  }
}

/** KMIP 1.4 §6.15: if one item fails, the others answer Operation Undone. */
async function undoBatch(request: RequestMessage, options: BatchOptions, times: ItemTimes): Promise<Answers> {
  try {
    const work = (transaction: KeyTransaction) => {
      const context = { transaction, placeholder: new Placeholder() }
      return answerTogether(batchOf(request, options, options.room.again()), context, times)
    }
    return await options.keys.perform(options.identify, work, performing(options))
  } catch (error) {
    // The commit as a whole failed: nothing was done, and no single item is the cause.
    return allFailed(request, asFault(error, request.items[0], options))
  }
}

/** Answers items up to the first failure, in the one transaction that they share. */
async function answerTogether(batch: Batch, context: ItemContext, times: ItemTimes): Promise<Answers> {
  const { request, options, results } = batch
  const { items, answered } = await eachItem(batch, times, async (item, isFirst) => {
    try {
      if (!isFirst) await options.pace.turn()
      requireUndoable(item.operation)
      const payload = await batch.handle(batch, item, context)
      results.keep()
      return { item: succeeded(item, payload), isLast: false }
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      context.transaction.undo(error)
      return { item: failedItem(request, item, error), isLast: true }
    }
  })
  const last = items.at(-1)
  if (last?.status !== 'OperationFailed') return { items, answered }
  const before = items.slice(0, -1)
  const back = before.map((one, place) => undone(one, answered[place]?.operation, request.version))
  return { items: [...back, last], answered }
}

function allFailed(request: RequestMessage, fault: Fault): Answers {
  return { items: request.items.map((item) => failedItem(request, item, fault)), answered: request.items }
}

function performing(options: BatchOptions): PerformOptions {
  return { fetchUpstream: outsideTurn(options), abandoned: options.pace.abandoned }
}

/** The wait for the upstream does not use a turn: the request takes a new turn afterwards, unless its client has left. */
function outsideTurn({ fetchUpstream, pace }: BatchOptions): FetchUpstream | undefined {
  return (
    fetchUpstream &&
    (async (caller, uniqueIdentifier) => {
      const isHere = await fetchUpstream(caller, uniqueIdentifier)
      await pace.turn()
      return isHere
    })
  )
}

/** The values for handling one item. */
interface ItemContext {
  readonly transaction: KeyTransaction
  readonly placeholder: Placeholder
}

/** Returns the payload of the answer in 1.x. Throws, or rejects with, Faults. */
function handle1x(batch: Batch, item: RepeatedItem, context: ItemContext): MaybePromise<Buffer> {
  const { transaction, placeholder } = context
  const { request } = batch
  const { name, line, values } = readItem(request, item)
  const who = { placeholder: placeholder.value, version: request.version }
  const permitted = requirePermission(transaction, name, line, values, who)
  const answered = andThen(permitted, () => line.handler(handlerContext(batch, item, context), values))
  return andThen(answered, (response) => payloadOf(batch, item, context, { name, response }))
}

/**
 * Returns the payload of the answer in 2.x. A ticket may permit less than the client's list. An item may name its object by the
 * result of an earlier item or, in the draft 3.0, by a Name. An answer may omit its data. Throws, or rejects with, Faults.
 */
function handle2x(batch: Batch, item: RepeatedItem, context: ItemContext): MaybePromise<Buffer> {
  const { request, options, results } = batch
  const { transaction, placeholder } = context
  const { version } = request
  const { name, line, values: sent } = readItem(request, item)
  return andThen(atLeast(version, '3.0') ? withNamesResolved(transaction, sent) : sent, (named) => {
    const { values, unresolved } = resolvedRequest(results, named, placeholder.value, item.meant)
    if (item.isAgain) transaction.counted(options.session?.useAgain())
    const who = { placeholder: placeholder.value, rights: options.session?.rights, version }
    const permitted = requirePermission(transaction, name, line, values, who)
    const answered = andThen(permitted, () => {
      if (unresolved) throw unresolved
      return line.handler(handlerContext(batch, item, context), values)
    })
    return andThen(answered, (response) => {
      // No item can refer to the result of the last one.
      if (item !== request.items.at(-1)) results.stage(name, response, item.isAgain)
      const shown = hidesData.has(item.ephemeral) ? withoutData(response, name) : response
      return payloadOf(batch, item, context, { name, response: shown })
    })
  })
}

/** The item's operation and request. Throws Faults. */
function readItem(request: RequestMessage, item: RequestItem) {
  const { operation: name, fault, payload } = item
  if (fault) throw fault
  const line = name !== null && operationExistsIn(name, request.version) ? handled(name) : undefined
  if (name === null || line === undefined)
    throw new Fault('OperationNotSupported', notSupported(item, request))
  return { name, line, values: decodeRequestPayload(name, payload, request) }
}

function handlerContext(
  { request, options, room }: Batch,
  item: RequestItem,
  { transaction, placeholder }: ItemContext,
): Context {
  const { pace, server, warn, asynchronous, pkcs11Uses, session, endpoint, provisioner } = options
  return {
    transaction,
    placeholder,
    pace,
    version: request.version,
    server,
    warn,
    asynchronous,
    pkcs11Uses,
    endpoint,
    provisioner,
    session: session ?? noTickets,
    bytesMax: () => room.payloadBytesMax(item),
  }
}

/** The bytes of a response, if there is room for them. Throws Faults. */
function payloadOf(
  { request, room }: Batch,
  item: RequestItem,
  { transaction }: ItemContext,
  { name, response }: { readonly name: OperationName; readonly response: object },
): Buffer {
  const payload = encodeResponsePayload(name, response, request.version)
  transaction.wipe()
  room.require(succeeded(item, payload))
  return payload
}

/** The client requests this with `true` in 2.x, and with a name in the draft 3.0. */
const hidesData: ReadonlySet<RequestItem['ephemeral']> = new Set([true, 'Data', 'Empty'] as const)

function notSupported({ operation, operationCode }: RequestItem, { version }: RequestMessage): string {
  if (operation === null) return `there is no operation ${String(operationCode)} in KMIP ${version}`
  const known = operationExistsIn(operation, version)
  return known ? `this server does not do ${operation} yet` : `KMIP ${version} has no operation ${operation}`
}

function asFault(error: unknown, item: RequestItem | undefined, { unexpected }: BatchOptions): Fault {
  if (error instanceof Fault) return error
  unexpected(error, item?.operation ?? 'unknown')
  return new Fault('GeneralFailure', 'the server failed; its log says why')
}
