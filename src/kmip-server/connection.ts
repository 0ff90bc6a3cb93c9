// One TLS connection after its handshake: messages in, answers out, one at a time and in order. It bounds what a
// peer can make us hold (a queue, then no more reading) and how long they can make us wait (deadlines, looked at by
// the listener's sweep, so that no connection keeps timers). Knows no KMIP: who answers is handed in.

import type { TLSSocket } from 'node:tls'
import type { Budget } from './budget.ts'
import type { DoorLimits, DoorOptions, Ending, Peer, Unreadable } from './door.ts'
import { Intake, type Intaken } from './intake.ts'

export interface ConnectionOptions extends Pick<
  DoorOptions,
  'answer' | 'isTrusted' | 'answerUnreadable' | 'log' | 'metrics'
> {
  readonly limits: DoorLimits
  readonly budget: Budget
  readonly now: () => number
  onClosed(): void
}

const never = Number.POSITIVE_INFINITY

export class Connection {
  readonly peer: Peer
  readonly #socket: TLSSocket
  readonly #options: ConnectionOptions
  readonly #intake: Intake
  readonly #queue: Buffer[] = []
  #halt: Intaken['halt']
  /** The loop over the queue runs. */
  #working = false
  #answering = false
  #peerEnded = false
  /** To be ended after the request that is being worked on. */
  #leaving = false
  /** We have said the last word; what still arrives is thrown away. */
  #ending: Ending | undefined
  #closed = false
  #reservedBytes = 0
  #lingeredBytes = 0
  #writes = 0
  #wake: (() => void) | undefined

  // Monotonic milliseconds; Infinity: not waiting for that.
  #idleAt: number
  #messageAt = never
  #writeAt = never
  #answerAt = never
  #lingerAt = never

  constructor(socket: TLSSocket, peer: Peer, options: ConnectionOptions) {
    this.#socket = socket
    this.peer = peer
    this.#options = options
    this.#intake = new Intake({
      messageBytesMax: options.limits.messageBytesMax,
      askAboveBytes: options.limits.strangerMessageBytesMax,
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
    this.#take(this.#intake.push(chunk))
    if (!this.#working) this.#work()
  }

  #take({ messages, halt }: Intaken): void {
    this.#queue.push(...messages)
    this.#halt = halt
    if (!this.#intake.partial || halt !== undefined) this.#messageAt = never
    else if (messages.length > 0 || this.#messageAt === never) this.#expectMessage()
    this.#readOrNot()
  }

  /** Reads on unless enough waits already; while we are the ones who do not read, no clock runs against the peer. */
  #readOrNot(): void {
    const full = this.#queue.length >= this.#options.limits.requestsQueuedPerConnectionMax
    if (full || this.#halt !== undefined) {
      this.#messageAt = never
      this.#socket.pause()
    } else if (this.#socket.isPaused()) {
      if (this.#intake.partial) this.#expectMessage()
      this.#socket.resume()
    }
  }

  #expectMessage(): void {
    this.#messageAt = this.#options.now() + this.#options.limits.messageTimeoutMs
  }

  #onPeerEnd(): void {
    this.#peerEnded = true
    // Whoever ends inside a message wants no answer to it.
    if (!this.#working) this.#finish('peer')
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
    this.#answering = true
    try {
      const answer = await this.#options.answer(message, this.peer)
      if (this.#over()) answer.bytes.fill(0)
      else if (answer.close) this.#finish('answered', answer.bytes)
      else this.#write(answer.bytes)
    } catch (error) {
      metrics.count('answers_failed', {})
      log.error('a request could not be answered', { ...this.#fields(), error })
      this.cut('answer-failed')
    } finally {
      this.#answering = false
      this.#answerAt = never
      this.#release()
    }
  }

  async #answerHalt(halt: NonNullable<Intaken['halt']>): Promise<void> {
    if (halt.kind === 'unreadable') return this.#refuse(halt.reason)
    if (!(await this.#trusted())) return this.#refuse('stranger')
    if (this.#over() || this.#leaving) return
    if (!this.#options.budget.reserve(halt.bytes)) return this.#refuse('busy')
    this.#reservedBytes += halt.bytes
    this.#take(this.#intake.permit(halt.bytes))
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

  #write(bytes: Buffer): void {
    if (bytes.length === 0) return
    const { now, limits } = this.#options
    this.#writes += 1
    this.#writeAt = now() + limits.writeTimeoutMs
    this.#socket.write(bytes, () => {
      bytes.fill(0)
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
  }

  #onError(error: Error): void {
    // Peers leave as they please: a reset is no more than a goodbye.
    this.#options.log.debug('a connection broke off', { ...this.#fields(), code: codeOf(error) })
  }

  #onClose(): void {
    this.#closed = true
    this.#end('peer')
    this.#release()
    this.#wake?.()
    const reason = this.#ending ?? 'peer'
    this.#options.metrics.count('connections_closed', { reason })
    this.#options.log.debug('connection closed', { ...this.#fields(), reason })
    this.#options.onClosed()
  }

  #release(): void {
    this.#options.budget.release(this.#reservedBytes)
    this.#reservedBytes = 0
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
