// Operations that a client lets the server answer later (KMIP 1.4 §4.27, §4.28, §6.7): each has a correlation value, by which
// its client alone polls it or cancels it. One begins when it is polled, or by itself a moment later, so that it can be cancelled
// until then. The answers are kept for a while, bounded in number and size, in the process that took the request: a client
// polls over the connection that it asked on. What was not done when the process ends was never done.

import { randomBytes } from 'node:crypto'
import type { EnumName } from '../kmip/enums.ts'
import { Fault } from '../kmip/fault.ts'
import type { ResponseItem } from '../kmip/message.ts'
import type { OperationName } from '../kmip/operations.ts'
import { limits } from '../limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'

/** The operations that may take long. The others are answered at once, whatever the client allows. */
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

interface Entry {
  readonly party: string
  readonly run: () => Promise<ResponseItem>
  /** Begins it, or drops it when it was kept long enough. */
  timer: Timer
  running?: Promise<void>
  answer?: ResponseItem
}

export class Asynchronous {
  readonly #clock: Pick<Clock, 'after'>
  /** By correlation value, hex; the oldest first. */
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** `run` never rejects. Returns the correlation value. Throws Fault GeneralFailure if too much is pending. */
  begin(party: string, run: () => Promise<ResponseItem>): Uint8Array {
    this.#makeRoom(party)
    const value = randomBytes(16)
    const id = value.toString('hex')
    const timer = this.#clock.after(limits.asynchronousStartMs, () => void this.#start(id))
    this.#entries.set(id, { party, run, timer })
    return value
  }

  /**
   * The answer, for which it waits a little; undefined: it is still pending. Throws Fault InvalidAsynchronousCorrelationValue if
   * this client has nothing of that value.
   */
  async poll(party: string, value: Uint8Array): Promise<ResponseItem | undefined> {
    const id = Buffer.from(value).toString('hex')
    if (this.#of(party, id) === undefined)
      throw new Fault(
        'InvalidAsynchronousCorrelationValue',
        'nothing is pending with this Asynchronous Correlation Value: it was canceled, is over, or was asked of another process',
      )
    const waited = Promise.withResolvers<void>()
    const timer = this.#clock.after(limits.pollWaitMs, waited.resolve)
    await Promise.race([this.#start(id), waited.promise])
    timer.cancel()
    const answer = this.#entries.get(id)?.answer
    // The sender overwrites the payload, and the client may poll again.
    return answer && { ...answer, ...(answer.payload && { payload: Buffer.from(answer.payload) }) }
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
    entry.timer = this.#clock.after(limits.asynchronousKeptMs, () => this.#drop(id, entry))
  }

  /** Answers that were given already make room for new requests of the same client. */
  #makeRoom(party: string): void {
    const mine = [...this.#entries].filter(([, entry]) => entry.party === party)
    const [oldest] = mine.filter(([, { answer }]) => answer !== undefined)
    if (mine.length < limits.asynchronousPerPartyMax && this.#entries.size < limits.asynchronousMax) return
    if (!oldest)
      throw new Fault(
        'GeneralFailure',
        'too much is pending: poll or cancel some of it, or ask without waiting',
      )
    this.#drop(...oldest)
  }

  #drop(id: string, entry: Entry): void {
    entry.timer.cancel()
    entry.answer?.payload?.fill(0)
    this.#entries.delete(id)
  }
}
