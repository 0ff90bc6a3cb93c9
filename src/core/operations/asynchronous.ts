// Operations that the server answers later with the client's permission (KMIP 1.4 §4.27, §4.28, §6.7). Each has a correlation
// value, with which only its client polls or cancels it. An operation begins at its first poll, or by itself a moment later, so
// that the client can cancel it until then. The process that took the request keeps the answers for a while, bounded in number
// and size: a client polls over the same connection. An operation that was not done when the process ends is never done.

import { randomBytes } from 'node:crypto'
import type { EnumName } from '../../wire/kmip/enums.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import type { OperationName } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import { isFull } from '../trust/caller.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** The most pending operations (core/operations/asynchronous.ts): of one client, and of all. */
export const asynchronousPerPartyMax = 16
export const asynchronousMax = 256
/** An operation begins this long after its request, unless a poll comes first. */
export const asynchronousStartMs = 1000
/** How long the client can poll the answer. */
export const asynchronousKeptMs = 600_000
/** How long a Poll waits for the answer. */
export const pollWaitMs = 2000

/** The operations that may take long. The server answers the others at once, even if the client permits a later answer. */
export const answeredLater: ReadonlySet<OperationName> = new Set<OperationName>([
  'Archive',
  'Certify',
  'CreateKeyPair',
  'DeriveKey',
  'Locate',
  'ReCertify',
  'ReKeyKeyPair',
  'Recover',
])

/** A request that its client has not polled yet. */
export interface UnpolledRequest {
  readonly value: Buffer
  readonly operation: OperationName
  readonly submittedMs: number
  readonly stage: EnumName<'ProcessingStage'>
}

interface Entry {
  readonly party: string
  readonly operation: OperationName
  /** The version of KMIP in which the answer is encoded. */
  readonly version: Version
  /** The request's payload, which may have secrets: wiped after the answer or the drop. */
  readonly payload: Uint8Array
  readonly submittedMs: number
  readonly run: () => Promise<ResponseItem>
  /** Begins the operation, or drops its answer after `asynchronousKeptMs`. */
  timer: Timer
  running?: Promise<void>
  /** Whether a poll waits until it is done. */
  hurried?: true
  polled?: true
  answer?: ResponseItem
}

export class Asynchronous {
  readonly #clock: Pick<Clock, 'after' | 'now'>
  /** By correlation value, hex; the oldest first. */
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Pick<Clock, 'after' | 'now'>) {
    this.#clock = clock
  }

  /** `run` never rejects. Returns the correlation value. Throws Fault GeneralFailure if too much is pending. */
  begin(
    party: string,
    { operation, version, payload }: Pick<Entry, 'operation' | 'version' | 'payload'>,
    run: () => Promise<ResponseItem>,
  ): Uint8Array {
    this.#makeRoom(party)
    const value = randomBytes(16)
    const id = value.toString('hex')
    const timer = this.#clock.after(asynchronousStartMs, () => void this.#start(id))
    this.#entries.set(id, {
      party,
      operation,
      version,
      payload,
      submittedMs: this.#clock.now(),
      run,
      timer,
    })
    return value
  }

  /**
   * Returns the answer, after a short wait; undefined: it is still pending. Throws Faults InvalidAsynchronousCorrelationValue if
   * this client has no operation of that value, and InvalidField for a poll in another version of KMIP than the request's.
   */
  async poll(party: string, value: Uint8Array, version: Version): Promise<ResponseItem | undefined> {
    const id = Buffer.from(value).toString('hex')
    const entry = this.#known(party, id)
    if (entry.version !== version)
      throw new Fault('InvalidField', `this was asked in KMIP ${entry.version}: poll it in that version`)
    if (entry.hurried) await this.#start(id)
    const waited = Promise.withResolvers<void>()
    const timer = this.#clock.after(pollWaitMs, waited.resolve)
    await Promise.race([this.#start(id), waited.promise])
    timer.cancel()
    const { answer } = entry
    if (answer) entry.polled = true
    // A copy, because the sender overwrites the payload, and the client may poll again.
    return answer && { ...answer, ...(answer.payload && { payload: Buffer.from(answer.payload) }) }
  }

  /**
   * Begins the operation now; the next poll waits for its end. Throws Faults InvalidAsynchronousCorrelationValue, and
   * DuplicateProcessRequest the second time.
   */
  hurry(party: string, value: Uint8Array): void {
    const id = Buffer.from(value).toString('hex')
    const entry = this.#known(party, id)
    if (entry.hurried) throw new Fault('DuplicateProcessRequest', 'Process was asked for this request before')
    entry.hurried = true
    void this.#start(id)
  }

  /** The requests that this client has yet to poll, the oldest first. */
  pending(party: string): readonly UnpolledRequest[] {
    return [...this.#entries]
      .filter(([, entry]) => entry.party === party && !entry.polled)
      .map(([id, { operation, submittedMs, running, answer }]) => ({
        value: Buffer.from(id, 'hex'),
        operation,
        submittedMs,
        stage: answer ? 'Completed' : running ? 'InProcess' : 'Submitted',
      }))
  }

  cancel(party: string, value: Uint8Array): EnumName<'CancellationResult'> {
    const id = Buffer.from(value).toString('hex')
    const entry = this.#of(party, id)
    if (!entry) return 'Unavailable'
    if (entry.answer) return entry.answer.status === 'Success' ? 'Completed' : 'Failed'
    if (entry.running) return 'UnableToCancel'
    this.#drop(id, entry)
    return 'Canceled'
  }

  #known(party: string, id: string): Entry {
    const entry = this.#of(party, id)
    if (entry) return entry
    throw new Fault(
      'InvalidAsynchronousCorrelationValue',
      'nothing is pending with this Asynchronous Correlation Value: it was canceled, is over, or was asked of another process',
    )
  }

  #of(party: string, id: string): Entry | undefined {
    const entry = this.#entries.get(id)
    return entry?.party === party ? entry : undefined
  }

  async #start(id: string): Promise<void> {
    const entry = this.#entries.get(id)
    if (!entry || entry.answer) return undefined
    entry.running ??= this.#run(id, entry)
    return entry.running
  }

  async #run(id: string, entry: Entry): Promise<void> {
    entry.timer.cancel()
    entry.answer = await entry.run()
    entry.payload.fill(0)
    entry.timer = this.#clock.after(asynchronousKeptMs, () => this.#drop(id, entry))
  }

  /** Drops the client's oldest answer to make room for its new request. */
  #makeRoom(party: string): void {
    const mine = [...this.#entries].filter(([, entry]) => entry.party === party)
    const [oldest] = mine.filter(([, { answer }]) => answer !== undefined)
    const held = [...this.#entries.values()].map((entry) => entry.party)
    const partyMax = asynchronousPerPartyMax
    const max = asynchronousMax
    if (!isFull(held, party, { partyMax, max })) return
    if (!oldest)
      throw new Fault(
        'GeneralFailure',
        'too much is pending: poll or cancel some of it, or ask without waiting',
      )
    this.#drop(...oldest)
  }

  #drop(id: string, entry: Entry): void {
    entry.timer.cancel()
    entry.payload.fill(0)
    entry.answer?.payload?.fill(0)
    this.#entries.delete(id)
  }
}
