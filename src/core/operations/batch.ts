// A batch: answers each item on its own, in order (KMIP 1.4 §6.14, §6.15). With Stop and Continue each item is a
// transaction of its own. With Undo all items are one transaction, which commits as a whole or leaves nothing but its
// audit record. Between items other requests get their turns. A batch stops as soon as nobody waits for its answer. A
// request's context lives only here.

import { Fault } from '../../wire/kmip/fault.ts'
import type { RequestItem, RequestMessage, ResponseItem } from '../../wire/kmip/message.ts'
import { operationExistsIn, type OperationName } from '../../wire/kmip/operations.ts'
import { decodeRequestPayload, encodeResponsePayload } from '../../wire/kmip/payload.ts'
import { atLeast } from '../../wire/kmip/version.ts'
import { andThen, type MaybePromise } from '../../base/maybe-promise.ts'
import { partyOf, type Caller } from '../trust/caller.ts'
import type { Keys, PerformOptions } from '../keys/keys.ts'
import type { Clock } from '../ports/clock.ts'
import type { Bring } from '../keys/transaction/bring.ts'
import type { KeyTransaction } from '../keys/key-transaction.ts'
import type { Pace } from '../keys/transaction/pace.ts'
import { answeredLater, type Asynchronous } from './asynchronous.ts'
import type { Context, Provisioner, Endpoint } from './handler.ts'
import { handled } from './handlers.ts'
import { withNamesResolved } from './name-references.ts'
import { requirePermission } from './permission.ts'
import { BatchResults, resolvedRequest, withoutData } from './batch-results.ts'
import { ItemTimes } from './item-times.ts'
import type { Pkcs11Uses } from './pkcs11-uses.ts'
import { Placeholder } from './placeholder.ts'
import { repeatItem, type RepeatedItem } from './repeats.ts'
import { echo, failed, resultOf, succeeded } from './response-items.ts'
import type { AnswerRoom } from './response-size.ts'
import type { ServerFacts } from './server-facts.ts'
import { noTickets, type TicketSession } from './ticket-session.ts'
import { requireUndoable, undone } from './undone.ts'

/** How one item ended, and how long it took: for metrics. */
export interface OperationResult {
  readonly operation: OperationName | null
  /** `success`, `undone`, `pending`, or the result reason. */
  readonly result: string
  readonly seconds: number
}

export interface BatchOptions {
  readonly keys: Keys
  readonly server: ServerFacts
  /** Returns the caller as of now. Throws a Fault if the peer is no longer trusted. */
  readonly identify: () => MaybePromise<Caller>
  /** Gives turns between items. The message itself has already had its turn. */
  readonly pace: Pace
  readonly room: AnswerRoom
  /** Looks elsewhere for an object that is not here. */
  readonly bring?: Bring | undefined
  /**
   * Called for a bug or an outage, to log it with the request's id. The item answers General Failure without internals.
   */
  readonly unexpected: (error: unknown, operation: string) => void
  /** Logs a fact about an operation that succeeded, which people should know. */
  readonly warn: (message: string, facts: object) => void
  /** For an operation that is answered later: its own turns, and its own room. */
  readonly later: () => Pick<BatchOptions, 'pace' | 'room'>
  readonly asynchronous: Asynchronous
  readonly pkcs11Uses: Pkcs11Uses
  readonly endpoint: Endpoint
  readonly provisioner: Provisioner
  /** Only 2.x has tickets. */
  readonly session?: TicketSession | undefined
  readonly onOperation: (result: OperationResult) => void
  readonly clock: Clock
}

/** Returns the response items: as many as were processed. Throws nothing. */
export async function answerBatch(
  request: RequestMessage,
  options: BatchOptions,
): Promise<readonly ResponseItem[]> {
  const times = new ItemTimes(options.clock)
  const { items, answered } = await answerItems(request, options, times)
  // With Undo the last item also gets the time of the commit.
  times.charge(items.length - 1)
  for (const [index, item] of items.entries()) {
    const operation = answered[index]?.operation ?? null
    options.onOperation({ operation, result: resultOf(item), seconds: times.secondsOf(index) })
  }
  return items
}

async function answerItems(
  request: RequestMessage,
  options: BatchOptions,
  times: ItemTimes,
): Promise<Answers> {
  const refusal = refuseWhole(request)
  const answered = [...request.items]
  if (refusal) return { items: request.items.map((item) => failed(request, item, refusal)), answered }
  if (request.batchErrorContinuationOption === 'Undo') return undoBatch(request, options, times)
  const [only, ...others] = request.items
  const isLater = request.asynchronousIndicator !== 'Prohibited' && others.length === 0
  if (only && isLater && mayWait(only)) return { items: [await beginLater(request, only, options)], answered }
  const { pace, room } = options
  const answers: ResponseItem[] = []
  let placeholder: string | undefined
  const results = resultsOf(request)
  for (let index = 0; index < answered.length; index++) {
    const item = repeatItem(answered, index, request, results)
    if (!item) break
    const stopped = room.exhausted ?? (answers.length > 0 ? await nextTurn(pace) : undefined)
    const answer = stopped
      ? { item: failed(request, item, stopped), placeholder }
      : await answerItem(request, item, placeholder, { options, room, results })
    times.charge(index)
    answers.push(answer.item)
    room.add(answer.item)
    const { status } = answer.item
    if (status === 'Success') placeholder = answer.placeholder
    const hasFailed = status === 'OperationFailed'
    if (hasFailed && (request.batchErrorContinuationOption === 'Stop' || stopped?.reason === canceled)) break
  }
  results?.wipe()
  return { items: answers, answered }
}

/** The answers, and the items that they answer: those of the request, one of them repeated for several objects. */
interface Answers {
  readonly items: readonly ResponseItem[]
  readonly answered: readonly RequestItem[]
}

/** 1.x has no references to the results of other items. */
function resultsOf({ version }: RequestMessage): BatchResults | undefined {
  return atLeast(version, '2.0') ? new BatchResults() : undefined
}

const canceled = 'OperationCanceledByRequester'

/** Returns the Fault if nobody waits for the answer any more. */
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

/** KMIP 1.4 §6.7: the client takes an answer later. The message's bytes are wiped before then. */
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
      const results = resultsOf(request)
      const { pace, room } = options.later()
      const answer = await answerItem(request, own, undefined, {
        options: { ...options, pace, room },
        room,
        results,
      })
      results?.wipe()
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
    return failed(request, item, asFault(error, item, options))
  }
}

/** The answer of the operation that was pending, for the item that polls it. */
async function poll(
  request: RequestMessage,
  item: RequestItem,
  options: BatchOptions,
): Promise<ResponseItem> {
  if (item.fault) throw item.fault
  const giveBack = await options.session?.rights?.require('Poll', null, () => [])
  try {
    const { AsynchronousCorrelationValue: value } = decodeRequestPayload('Poll', item.payload, request)
    const answer = await options.asynchronous.poll(partyOf(await options.identify()), value, request.version)
    const { uniqueBatchItemId } = item
    if (!answer) return { ...echo(item), status: 'OperationPending', asynchronousCorrelationValue: value }
    const answered = { ...answer, uniqueBatchItemId }
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

async function answerItem(
  request: RequestMessage,
  item: RepeatedItem,
  before: string | undefined,
  batch: Batch,
): Promise<ItemAnswer> {
  const { options, results } = batch
  let placeholder: Placeholder | undefined
  try {
    if (item.operation === 'Poll') return { item: await poll(request, item, options), placeholder: before }
    const work = (transaction: KeyTransaction) => {
      placeholder = new Placeholder(before)
      return handle(request, item, batch, { transaction, placeholder })
    }
    const payload = await options.keys.perform(options.identify, work, performing(options))
    results?.keep()
    return { item: succeeded(item, payload), placeholder: placeholder?.value }
  } catch (error) {
    results?.drop()
    return { item: failed(request, item, asFault(error, item, options)), placeholder: before }
  }
}

/** KMIP 1.4 §6.15: if one item fails, the others answer Operation Undone. */
async function undoBatch(request: RequestMessage, options: BatchOptions, times: ItemTimes): Promise<Answers> {
  try {
    const work = async (transaction: KeyTransaction) => {
      const batch = { options, room: options.room.again(), results: resultsOf(request) }
      try {
        return await answerTogether(request, batch, { transaction, placeholder: new Placeholder() }, times)
      } finally {
        batch.results?.wipe()
      }
    }
    return await options.keys.perform(options.identify, work, performing(options))
  } catch (error) {
    // The commit as a whole failed: nothing was done, and no single item is to blame.
    const fault = asFault(error, request.items[0], options)
    return { items: request.items.map((item) => failed(request, item, fault)), answered: request.items }
  }
}

/** The items up to the first that fails, in the one transaction that they share. */
async function answerTogether(
  request: RequestMessage,
  batch: Batch,
  within: Within,
  times: ItemTimes,
): Promise<Answers> {
  const { options, room, results } = batch
  const done: ResponseItem[] = []
  const answered = [...request.items]
  for (let index = 0; index < answered.length; index++) {
    const item = repeatItem(answered, index, request, results)
    if (!item) break
    try {
      if (done.length > 0) await options.pace.turn()
      requireUndoable(item.operation)
      const answer = succeeded(item, await handle(request, item, batch, within))
      results?.keep()
      done.push(answer)
      room.add(answer)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      within.transaction.undo(error)
      const before = done.map((one, place) => undone(one, answered[place]?.operation, request.version))
      return { items: [...before, failed(request, item, error)], answered }
    } finally {
      times.charge(index)
    }
  }
  return { items: done, answered }
}

function performing(options: BatchOptions): PerformOptions {
  return { bring: bringing(options), abandoned: options.pace.abandoned }
}

/** A wait for another server is no turn: the request takes a new one afterwards, unless its client has left. */
function bringing({ bring, pace }: BatchOptions): Bring | undefined {
  return (
    bring &&
    (async (caller, uniqueIdentifier) => {
      const isHere = await bring(caller, uniqueIdentifier)
      await pace.turn()
      return isHere
    })
  )
}

/** The items of a request share these. */
interface Batch {
  readonly options: BatchOptions
  readonly room: AnswerRoom
  readonly results: BatchResults | undefined
}

/** An item is handled within these. */
interface Within {
  readonly transaction: KeyTransaction
  readonly placeholder: Placeholder
}

/** Returns the payload of the answer. Throws, or rejects with, Faults. */
function handle(
  request: RequestMessage,
  item: RepeatedItem,
  { options, room, results }: Batch,
  { transaction, placeholder }: Within,
): MaybePromise<Buffer> {
  const { version } = request
  const name = item.operation
  if (item.fault) throw item.fault
  const line = name !== null && operationExistsIn(name, version) ? handled(name) : undefined
  if (name === null || line === undefined)
    throw new Fault('OperationNotSupported', notSupported(item, request))
  const { pace, server, warn, asynchronous, pkcs11Uses, session, endpoint, provisioner } = options
  const context: Context = {
    transaction,
    placeholder,
    pace,
    version,
    server,
    warn,
    asynchronous,
    pkcs11Uses,
    endpoint,
    provisioner,
    session: session ?? noTickets,
    bytesMax: () => room.payloadBytesMax(item),
  }
  const sent = decodeRequestPayload(name, item.payload, request)
  return andThen(atLeast(version, '3.0') ? withNamesResolved(transaction, sent) : sent, (asked) => {
    const { values, unresolved } = resolvedRequest(results, asked, placeholder.value, item.meant)
    if (item.isAgain) transaction.counted(session?.useAgain())
    const who = { placeholder: placeholder.value, rights: session?.rights, version }
    const permitted = requirePermission(transaction, name, line, values, who)
    const answered = andThen(permitted, () => {
      if (unresolved) throw unresolved
      return line.handler(context, values)
    })
    return andThen(answered, (response) => {
      // Nothing refers to what the last item returned.
      if (item !== request.items.at(-1)) results?.stage(name, response, item.isAgain)
      const shown = hidesData.has(item.ephemeral) ? withoutData(response, name) : response
      const payload = encodeResponsePayload(name, shown, version)
      transaction.wipe()
      room.require(succeeded(item, payload))
      return payload
    })
  })
}

/** The client says so by true in 2.x, and by a name in the draft 3.0. */
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
