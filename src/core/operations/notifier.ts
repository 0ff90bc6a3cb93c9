// Sends the changes in an instance (core/operations/notices.ts) to its clients with the server role, each on its connection: one
// notice after the other, in the order of the commits, and only while the client is trusted. A client that falls too far behind
// loses the connection, and with it the role; it must then read its objects again.

import { decodeResponse, type IncomingResponse } from '../../wire/kmip/client-message.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import type { ObjectChange } from '../keys/transaction/change-feed.ts'
import type { Keys } from '../keys/keys.ts'
import { isFull, partyOf, type Caller } from '../trust/caller.ts'
import { noticeOf } from './notices.ts'

/**
 * The most connections on which a client has the server role: of one client, and in all. Then the most unsent changes on one of
 * them, and the most bytes of their attributes.
 */
export const serverRolesPerPartyMax = 16
const serverRolesMax = 1_000
export const noticesQueuedMax = 1_000
export const noticesQueuedBytesMax = 2 * 1024 * 1024

/** The server's side of a connection on which the peer took the server role. */
export interface Asking {
  /** Sends a request, then overwrites its bytes. Returns the answer. Throws a Fault once the connection ends. */
  ask(request: Buffer): Promise<Buffer>
  /** Ends the connection. */
  end(): void
}

/** Called once the peer has the server role. Returns a function to call at the end of the connection. */
export type NotifierTakeOver = (asking: Asking) => () => void

type Log = Record<
  'debug' | 'warn' | 'error',
  (message: string, fields?: Readonly<Record<string, unknown>>) => void
>

export class Notifier {
  readonly #keys: Keys
  readonly #log: Log
  /** The number of connections on which each client has the server role. */
  readonly #connections = new Map<string, number>()

  constructor({ keys, log }: { readonly keys: Keys; readonly log: Log }) {
    this.#keys = keys
    this.#log = log
  }

  /** Whether one more connection of this client may get the server role. */
  hasRoom(caller: Caller): boolean {
    const held = [...this.#connections].flatMap(([party, count]) =>
      Array.from({ length: count }, () => party),
    )
    const partyMax = serverRolesPerPartyMax
    const max = serverRolesMax
    return !isFull(held, partyOf(caller), { partyMax, max })
  }

  takeOver(caller: Caller, version: Version, peer: NotifiedClient): NotifierTakeOver {
    return (asking) => {
      const party = partyOf(caller)
      this.#count(party, 1)
      const notice = async (change: ObjectChange) => {
        await peer.turn()
        return noticeOf(change, { keys: this.#keys, identify: () => peer.identify(), version })
      }
      const notices = new Notices(asking, notice, this.#log)
      const stop = this.#keys.changes.listen(caller.instanceId, (changes) => notices.add(changes))
      return () => {
        stop()
        this.#count(party, -1)
      }
    }
  }

  #count(party: string, by: 1 | -1): void {
    const count = (this.#connections.get(party) ?? 0) + by
    if (count === 0) this.#connections.delete(party)
    else this.#connections.set(party, count)
  }
}

/** The client that receives notices. */
interface NotifiedClient {
  /** Throws a Fault once the client is no longer trusted. */
  identify(): MaybePromise<Caller>
  /** Waits for its turn among other clients. */
  turn(): MaybePromise<void>
}

/** The unsent notices of one connection. */
class Notices {
  readonly #asking: Asking
  readonly #noticeOf: (change: ObjectChange) => Promise<Buffer | undefined>
  readonly #log: Log
  readonly #queue: ObjectChange[] = []
  #queuedBytes = 0
  #running = false

  constructor(asking: Asking, notice: (change: ObjectChange) => Promise<Buffer | undefined>, log: Log) {
    this.#asking = asking
    this.#noticeOf = notice
    this.#log = log
  }

  add(changes: readonly ObjectChange[]): void {
    const bytes = changes.reduce((sum, change) => sum + change.bytes, this.#queuedBytes)
    if (this.#queue.length + changes.length > noticesQueuedMax || bytes > noticesQueuedBytesMax) {
      this.#log.warn('a client with the server role does not keep up with what changes: its connection ends')
      this.#queue.length = 0
      return this.#asking.end()
    }
    this.#queue.push(...changes)
    this.#queuedBytes = bytes
    if (!this.#running) void this.#run()
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#running = true
    try {
      for (let change = this.#queue.shift(); change; change = this.#queue.shift()) {
        this.#queuedBytes -= change.bytes
        await this.#tell(change)
      }
    } catch (error) {
      if (!(error instanceof Fault)) this.#log.error('a change could not be told to a client', { error })
      this.#queue.length = 0
      this.#asking.end()
    }
    this.#running = false
  }

  /** A client that refuses a notice has still answered it. Throws Fault InvalidMessage for an invalid answer. */
  async #tell(change: ObjectChange): Promise<void> {
    const notice = await this.#noticeOf(change)
    if (!notice) return
    const [item] = answerIn(await this.#asking.ask(notice)).items
    if (item?.status !== 'Success')
      this.#log.debug('a client refused a notice', { reason: item?.reason, message: item?.message })
  }
}

function answerIn(bytes: Buffer): IncomingResponse {
  try {
    return decodeResponse(bytes)
  } catch (cause) {
    throw new Fault('InvalidMessage', 'this does not answer a notice', { cause })
  }
}
