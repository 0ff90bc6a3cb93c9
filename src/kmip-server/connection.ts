// One TLS connection after its handshake: messages in, answers out, one at a time and in order. It bounds what a
// peer can make us hold (a queue, then no more reading) and how long they can make us wait (deadlines, looked at by
// the listener's sweep, so that no connection keeps timers). Knows no KMIP: who answers is handed in.

import type { TLSSocket } from 'node:tls'
import { Framer, type Framed, type Halt } from '../ttlv/framer.ts'
import type { Budget } from './budget.ts'
import type { DoorLimits, DoorOptions, Ending, Peer, Unreadable } from './door.ts'

export interface ConnectionOptions extends Pick<
  DoorOptions,
  'answer' | 'isTrusted' | 'answerUnreadable' | 'log' | 'metrics'
> {
  readonly limits: DoorLimits
  readonly budget: Budget
  /** Whose bytes these are in the budget. */
  readonly subnet: string
  readonly now: () => number
  onClosed(): void
}

const never = Number.POSITIVE_INFINITY
/** The reason of an abort; without one Node would make an exception with a stack each time. */
const abandonment = 'nobody waits for the answer'

export class Connection {
  readonly peer: Peer
  readonly #socket: TLSSocket
  readonly #options: ConnectionOptions
  readonly #framer: Framer
  readonly #queue: Buffer[] = []
  #halt: Halt | undefined
  /** The loop over the queue runs. */
  #working = false
  #answering = false
  #peerEnded = false
  /** To be ended after the request that is being worked on. */
  #leaving = false
  /** We have said the last word; what still arrives is thrown away. */
  #ending: Ending | undefined
  #closed = false
  /** Aborted when the peer waits for no answer any more. */
  readonly #abandoned = new AbortController()
  /** Bytes reserved in the budget: for the current message, and in all (with answers that are not sent yet). */
  #messageBytes = 0
  #heldBytes = 0
  /** Bytes that were read ahead behind a long request; undefined while nothing is read ahead. */
  #aheadBytes: number | undefined
  #lingeredBytes = 0
  #writes = 0
  #wake: (() => void) | undefined

  // Monotonic milliseconds; Infinity: not waiting for that.
  #idleAt: number
  #messageAt = never
  #writeAt = never
  #answerAt = never
  #abandonAt = never
  #lookAheadAt = never
  #lingerAt = never

  constructor(socket: TLSSocket, peer: Peer, options: ConnectionOptions) {
    this.#socket = socket
    this.peer = peer
    this.#options = options
    this.#framer = new Framer({
      messageBytesMax: options.limits.messageBytesMax,
      askAboveBytes: options.limits.untrustedMessageBytesMax,
    })
    this.#idleAt = options.now() + options.limits.idleTimeoutMs
    // A peer that sends its request and then ends its side still gets the answer.
    socket.allowHalfOpen = true
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('end', () => this.#onPeerEnd())
    socket.on('drain', () => this.#wake?.())
    socket.on('error', (error) => this.#onError(error))
    socket.on('close', () => this.#onClose())
  }

  /** Nothing of this peer is being worked on. */
  get spare(): boolean {
    return !this.#working
  }

  get answering(): boolean {
    return this.#answering
  }

  /** Ends the connection where a deadline has passed. Called every now and then. */
  sweep(now: number): void {
    if (now >= this.#lingerAt) this.#socket.destroy()
    else if (now >= this.#writeAt) this.cut('write-timeout')
    else if (now >= this.#answerAt) this.cut('answer-timeout')
    else if (now >= this.#messageAt) this.#finish('message-timeout')
    else if (now >= this.#idleAt && !this.#working) this.#finish('idle')
    else if (now >= this.#abandonAt) this.#abandon()
    else if (now >= this.#lookAheadAt && this.#socket.isPaused()) this.#lookAhead()
  }

  /** Says goodbye, after the answer that is being worked on, if any. */
  end(): void {
    if (this.#closed || this.#ending !== undefined) return
    if (this.#working) {
      // What waits behind the running request is not begun.
      this.#leaving = true
      this.#socket.pause()
    } else {
      this.#finish('closing')
    }
  }

  /** At once, whatever runs. */
  cut(reason: Ending): void {
    if (this.#closed) return
    this.#end(reason)
    this.#socket.destroy()
  }

  // ------------------------------------------------------------ in

  #receive(chunk: Buffer): void {
    if (this.#ending !== undefined || this.#leaving) {
      this.#lingeredBytes += chunk.length
      if (this.#lingeredBytes > this.#options.limits.lingerBytesMax) this.#socket.destroy()
      return
    }
    if (this.#aheadBytes !== undefined) this.#countAhead(chunk.length)
    this.#take(this.#framer.push(chunk))
    if (!this.#working) this.#work()
  }

  #take({ messages, halt }: Framed): void {
    this.#queue.push(...messages)
    this.#halt = halt
    if (!this.#framer.partial || halt !== undefined) this.#messageAt = never
    else if (messages.length > 0 || this.#messageAt === never) this.#expectMessage()
    this.#readOrNot()
  }

  /** Reads on unless enough waits already; while we are the ones who do not read, no clock runs against the peer. */
  #readOrNot(): void {
    if (this.#aheadBytes !== undefined) return
    const full = this.#queue.length >= this.#options.limits.requestsQueuedPerConnectionMax
    if (full || this.#halt !== undefined) {
      this.#messageAt = never
      this.#socket.pause()
    } else if (this.#socket.isPaused()) {
      if (this.#framer.partial) this.#expectMessage()
      this.#socket.resume()
    }
  }

  /** A peer's end is seen only while its socket is read. So behind a long request the socket is read ahead, within bounds. */
  #lookAhead(): void {
    this.#aheadBytes = 0
    this.#socket.resume()
  }

  #countAhead(bytes: number): void {
    if (!this.#hold(bytes)) return this.#lookNoFurther()
    this.#aheadBytes = (this.#aheadBytes ?? 0) + bytes
    if (this.#aheadBytes > this.#options.limits.lookAheadBytesMax) this.#lookNoFurther()
  }

  #lookNoFurther(): void {
    this.#lookAheadAt = never
    this.#giveBack(this.#aheadBytes ?? 0)
    this.#aheadBytes = undefined
  }

  #expectMessage(): void {
    this.#messageAt = this.#options.now() + this.#options.limits.messageTimeoutMs
  }

  #onPeerEnd(): void {
    this.#peerEnded = true
    // Whoever ends inside a message wants no answer to it.
    if (!this.#working) this.#finish('peer')
    else this.#abandonAt = this.#options.now() + this.#options.limits.answerAfterEndMs
  }

  /** The end of a peer that still waits looks like the end of one that is gone. After this time it counts as gone. */
  #abandon(): void {
    this.#abandonAt = never
    this.#queue.length = 0
    this.#halt = undefined
    this.#abandoned.abort(abandonment)
  }

  // ------------------------------------------------------------ the loop

  #work(): void {
    if (this.#queue.length === 0 && this.#halt === undefined) return
    this.#working = true
    this.#idleAt = never
    this.#answerAll()
      .catch((error: unknown) => {
        this.#options.log.error('a connection failed inside the server', { ...this.#fields(), error })
        this.cut('answer-failed')
      })
      .finally(() => {
        this.#working = false
      })
  }

  async #answerAll(): Promise<void> {
    while (!this.#over() && !this.#leaving) {
      const message = this.#queue.shift()
      if (message !== undefined) await this.#answerOne(message)
      else if (this.#halt !== undefined) await this.#answerHalt(this.#halt)
      else break
      if (this.#over() || this.#leaving) break
      if (this.#socket.writableNeedDrain) await this.#drained()
      this.#readOrNot()
      // Whoever sends many requests at once lets the others go in between.
      if (this.#queue.length > 0) await new Promise((resolve) => setImmediate(resolve))
    }
    this.#working = false
    if (this.#over()) return
    if (this.#leaving) return this.#finish('closing')
    if (this.#peerEnded) return this.#finish('peer')
    this.#idleAt = this.#options.now() + this.#options.limits.idleTimeoutMs
  }

  async #answerOne(message: Buffer): Promise<void> {
    const { now, limits, log, metrics } = this.#options
    metrics.count('messages', {})
    this.#answerAt = now() + limits.answerTimeoutMs
    this.#lookAheadAt = now() + limits.answerAfterEndMs
    this.#answering = true
    let answerBytes = 0
    const reserve = (bytes: number): boolean => {
      if (!this.#hold(bytes)) return false
      answerBytes += bytes
      return true
    }
    try {
      const exchange = { abandoned: this.#abandoned.signal, reserve }
      const answer = await this.#options.answer(message, this.peer, exchange)
      if (this.#over()) answer.bytes.fill(0)
      else if (answer.close) this.#finish('answered', answer.bytes)
      else this.#write(answer.bytes, () => this.#giveBack(answerBytes))
    } catch (error) {
      metrics.count('answers_failed', {})
      log.error('a request could not be answered', { ...this.#fields(), error })
      this.cut('answer-failed')
    } finally {
      this.#answering = false
      this.#answerAt = never
      this.#giveBack(this.#messageBytes)
      this.#messageBytes = 0
      this.#lookNoFurther()
    }
  }

  async #answerHalt(halt: Halt): Promise<void> {
    if (halt.kind === 'broken')
      return this.#refuse(halt.error.code === 'too-large' ? 'too-large' : 'malformed')
    if (!(await this.#trusted())) return this.#refuse('untrusted')
    if (this.#over() || this.#leaving) return
    if (!this.#hold(halt.bytes)) return this.#refuse('busy')
    this.#messageBytes = halt.bytes
    this.#take(this.#framer.permit())
  }

  async #trusted(): Promise<boolean> {
    this.#answerAt = this.#options.now() + this.#options.limits.answerTimeoutMs
    try {
      return await this.#options.isTrusted(this.peer)
    } catch (error) {
      this.#options.log.error('whether a peer is trusted could not be told', { ...this.#fields(), error })
      return false
    } finally {
      this.#answerAt = never
    }
  }

  #refuse(reason: Unreadable): void {
    if (this.#over()) return
    this.#options.metrics.count('messages_unreadable', { reason })
    this.#options.log.debug('bytes that are not read as a message', { ...this.#fields(), reason })
    this.#finish('unreadable', this.#options.answerUnreadable?.(reason, this.peer) ?? undefined)
  }

  #over(): boolean {
    return this.#closed || this.#ending !== undefined
  }

  // ------------------------------------------------------------ out

  #write(bytes: Buffer, sent: () => void): void {
    if (bytes.length === 0) return sent()
    const { now, limits } = this.#options
    this.#writes += 1
    this.#writeAt = now() + limits.writeTimeoutMs
    this.#socket.write(bytes, () => {
      bytes.fill(0)
      sent()
      this.#writes -= 1
      this.#writeAt = this.#writes === 0 ? never : now() + limits.writeTimeoutMs
    })
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }

  /**
   * The last bytes, close_notify and FIN. What the peer still sends is read and thrown away for a moment: closing
   * with unread bytes would make the kernel send a reset that takes our last answer from the peer.
   */
  #finish(reason: Ending, bytes?: Buffer): void {
    if (this.#over()) return
    this.#end(reason)
    const { now, limits } = this.#options
    this.#writeAt = now() + limits.writeTimeoutMs
    if (bytes !== undefined && bytes.length > 0) this.#socket.write(bytes, () => bytes.fill(0))
    // Not while TLS is still reading the bytes that brought us here: it may want to answer those that follow.
    process.nextTick(() => {
      this.#socket.end(() => {
        this.#writeAt = never
        this.#lingerAt = now() + limits.lingerMs
      })
      this.#socket.resume()
    })
  }

  #end(reason: Ending): void {
    this.#ending ??= reason
    this.#queue.length = 0
    this.#halt = undefined
    this.#messageAt = never
    this.#idleAt = never
    this.#answerAt = never
    this.#abandonAt = never
    this.#lookAheadAt = never
    this.#abandoned.abort(abandonment)
  }

  #onError(error: Error): void {
    // Peers leave as they please: a reset is no more than a goodbye.
    this.#options.log.debug('a connection broke off', { ...this.#fields(), code: codeOf(error) })
  }

  #onClose(): void {
    this.#closed = true
    this.#end('peer')
    this.#giveBack(this.#heldBytes)
    this.#wake?.()
    const reason = this.#ending ?? 'peer'
    this.#options.metrics.count('connections_closed', { reason })
    this.#options.log.debug('connection closed', { ...this.#fields(), reason })
    this.#options.onClosed()
  }

  /** Reserves in the budget. A closed connection has given everything back and reserves no more. */
  #hold(bytes: number): boolean {
    const { budget, subnet } = this.#options
    if (this.#closed || !budget.reserve(subnet, bytes)) return false
    this.#heldBytes += bytes
    return true
  }

  #giveBack(bytes: number): void {
    if (bytes === 0) return
    const given = Math.min(bytes, this.#heldBytes)
    this.#heldBytes -= given
    this.#options.budget.release(this.#options.subnet, given)
  }

  #fields(): Record<string, string | number> {
    return { connection: this.peer.connectionId, address: this.peer.address, port: this.peer.port }
  }
}

/** What Node or OpenSSL call the error, or what it says. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
