// One TLS connection after its handshake, in one class and long because of that: reads messages, writes answers, one at a time and in order. It bounds what
// a peer makes the server hold (a queue, then no more reading) and how long a peer makes it wait. The listener's
// sweep checks the deadlines, so a connection keeps no timers. It knows no KMIP: the caller passes in what answers a
// message.

import type { TLSSocket } from 'node:tls'
import type { HeldBytes } from '../admission/budget.ts'
import type {
  ListenerOptions,
  Ending,
  MessageFramer,
  MessageHalt,
  MessagesFramed,
  Peer,
  Unreadable,
} from './contract.ts'
import type { ListenerLimits } from './listener-limits.ts'
import { codeOf } from './error-code.ts'
import type { TakeOver } from '../../core/operations/notifier.ts'
import { Reversed } from './reversed.ts'
import type { TlsOverhead } from './tls-overhead.ts'

/** For all connections of a listener. */
export interface ConnectionOptions extends Pick<
  ListenerOptions,
  'answer' | 'whyUnread' | 'answerUnreadable' | 'log' | 'metrics'
> {
  readonly limits: ListenerLimits
  readonly now: () => number
}

/** For this connection alone. */
export interface ConnectionParts {
  readonly framer: MessageFramer
  readonly held: HeldBytes
  readonly overhead: TlsOverhead
  readonly onClosed: () => void
}

const never = Number.POSITIVE_INFINITY
const nothing = Buffer.alloc(0)
/** The reason of every abort. Without it Node would make an exception with a stack each time. */
const abandonment = 'nobody waits for the answer'

export class Connection {
  readonly peer: Peer
  readonly #socket: TLSSocket
  readonly #options: ConnectionOptions
  readonly #framer: MessageFramer
  readonly #queue: Buffer[] = []
  #halt: MessageHalt | undefined
  /** The loop over the queue runs. */
  #working = false
  #answering = false
  #peerEnded = false
  /** The connection ends once everything that has arrived is answered. */
  #leaving = false
  /** The server has sent its last bytes; whatever still arrives is thrown away. */
  #ending: Ending | undefined
  #closed = false
  /** Aborted when the peer no longer waits for an answer. */
  readonly #abandoned = new AbortController()
  readonly #held: HeldBytes
  readonly #overhead: TlsOverhead
  readonly #tellClosed: () => void
  #receivedBytes = 0
  /** How many of the held bytes are reserved for the current message. */
  #messageBytes = 0
  /** Whether the server reads on behind a long request. `enough`: no more, until what it has read is answered. */
  #ahead: 'no' | 'reading' | 'enough' = 'no'
  /** How many of the held bytes were read ahead. */
  #aheadBytes = 0
  #lingeredBytes = 0
  #writes = 0
  #wake: (() => void) | undefined
  /** The peer took the server role. */
  #reversed: Reversed | undefined

  // Monotonic milliseconds; Infinity: the connection does not wait for that.
  #idleAt: number
  #messageAt = never
  #writeAt = never
  #answerAt = never
  #abandonAt = never
  #lookAheadAt = never
  #lingerAt = never

  constructor(
    socket: TLSSocket,
    peer: Peer,
    { framer, held, overhead, onClosed }: ConnectionParts,
    options: ConnectionOptions,
  ) {
    this.#socket = socket
    this.peer = peer
    this.#options = options
    this.#framer = framer
    this.#held = held
    this.#overhead = overhead
    this.#tellClosed = onClosed
    this.#idleAt = options.now() + options.limits.idleTimeoutMs
    // A peer that sends its request and then ends its side still gets the answer.
    socket.allowHalfOpen = true
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('end', () => this.#onPeerEnd())
    socket.on('drain', () => this.#wake?.())
    socket.on('error', (error) => this.#onError(error))
    socket.on('close', () => this.#onClose())
  }

  /** Whether the listener may end it for another one: no message of the peer is being answered, and the system has taken all answers. */
  get spare(): boolean {
    return !this.#working && this.#writes === 0
  }

  /** Whether it came or got its last answer so short a time ago that its next request may be on the way. */
  get mayBeInTask(): boolean {
    const { now, limits } = this.#options
    return now() < this.#idleAt - limits.idleTimeoutMs + limits.taskPauseMs
  }

  get answering(): boolean {
    return this.#answering
  }

  /** How many bytes TLS has decrypted that the connection has not read yet. */
  get unreadBytes(): number {
    return this.#socket.readableLength
  }

  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /** Ends the connection if a deadline has passed. The listener calls it regularly. */
  sweep(now: number): void {
    if (now >= this.#lingerAt) this.#socket.destroy()
    else if (now >= this.#writeAt) this.cut('write-timeout')
    else if (now >= this.#answerAt) this.cut('answer-timeout')
    else if (this.#reversed?.isOverdue(now)) this.cut('reply-timeout')
    else if (now >= this.#messageAt) this.#finish('message-timeout')
    else if (now >= this.#idleAt && !this.#working) this.#finish('idle')
    else if (now >= this.#abandonAt) this.#abandon()
    else if (now >= this.#lookAheadAt && this.#ahead === 'no' && this.#socket.isPaused()) this.#lookAhead()
  }

  /** TLS has read so many bytes of the connection in all. Returns false if too many brought no data; then the connection is closed. */
  noteRead(bytes: number): boolean {
    if (this.#overhead.bears(bytes, this.#receivedBytes + this.#socket.readableLength)) return true
    this.cut('no-data')
    return false
  }

  /**
   * Ends the connection once everything that has arrived is answered; a message of which only a part has arrived is
   * awaited. The listener bounds the wait.
   */
  end(): void {
    if (this.#closed || this.#ending !== undefined || this.#leaving) return
    this.#leaving = true
    if (!this.#working) this.#leaveOnceQuiet()
  }

  /** Closes at once, whatever runs. */
  cut(reason: Ending): void {
    if (this.#closed) return
    this.#end(reason)
    this.#socket.destroy()
  }

  // ------------------------------------------------------------ reading

  #receive(chunk: Buffer): void {
    this.#receivedBytes += chunk.length
    if (this.#ending !== undefined) {
      this.#lingeredBytes += chunk.length
      if (this.#lingeredBytes > this.#options.limits.lingerBytesMax) this.#socket.destroy()
      return
    }
    if (this.#ahead === 'reading') this.#countAhead(chunk.length)
    this.#take(this.#framer.push(chunk, this.#places))
    if (!this.#working) this.#work()
  }

  /** How many messages more may wait. The framer keeps further ones uncut, since each takes more memory by itself. */
  get #places(): number {
    return Math.max(0, this.#options.limits.requestsQueuedPerConnectionMax - this.#queue.length)
  }

  #take({ messages, halt }: MessagesFramed): void {
    this.#queue.push(...messages)
    this.#halt = halt
    if (!this.#framer.partial || halt !== undefined) this.#messageAt = never
    else if (messages.length > 0 || this.#messageAt === never) this.#expectMessage()
    this.#readOrNot()
  }

  /** Reads on unless enough is waiting. While the server does not read, no deadline runs against the peer. */
  #readOrNot(): void {
    if (this.#places === 0 || this.#halt !== undefined) {
      this.#messageAt = never
      if (this.#ahead !== 'reading') this.#socket.pause()
      return
    }
    this.#catchUp()
    if (!this.#socket.isPaused()) return
    if (this.#framer.partial) this.#expectMessage()
    this.#socket.resume()
  }

  /**
   * Node notices the end of a peer only while it reads the socket. So the socket is read ahead during a long request,
   * within bounds.
   */
  #lookAhead(): void {
    this.#ahead = 'reading'
    this.#socket.resume()
  }

  #countAhead(bytes: number): void {
    const isHeld = this.#held.hold(bytes)
    if (isHeld) this.#aheadBytes += bytes
    if (!isHeld || this.#aheadBytes > this.#options.limits.lookAheadBytesMax) this.#ahead = 'enough'
  }

  /** The bytes that were read ahead are answered, but for as many messages as may wait anyway. */
  #catchUp(): void {
    this.#ahead = 'no'
    this.#held.giveBack(this.#aheadBytes)
    this.#aheadBytes = 0
  }

  #expectMessage(): void {
    this.#messageAt = this.#options.now() + this.#options.limits.messageTimeoutMs
  }

  #onPeerEnd(): void {
    this.#peerEnded = true
    // A peer that ends inside a message wants no answer to it.
    if (!this.#working) this.#finish('peer')
    else this.#abandonAt = this.#options.now() + this.#options.limits.answerAfterEndMs
  }

  /** A peer that only ended its side looks like one that has left. After this time it counts as left. */
  #abandon(): void {
    this.#abandonAt = never
    this.#queue.length = 0
    this.#halt = undefined
    this.#abandoned.abort(abandonment)
  }

  // ------------------------------------------------------------ the loop over the queue

  /**
   * The answer begins once every socket that has bytes was read. So messages are answered one behind the other, and not
   * between one decryption and the next: the processor's caches then hold the code, which saves a tenth of the time and more.
   */
  #work(): void {
    if (this.#queue.length === 0 && this.#halt === undefined) return
    this.#working = true
    this.#idleAt = never
    setImmediate(() => void this.#answerAll())
  }

  /** Never rejects. */
  async #answerAll(): Promise<void> {
    try {
      while (!this.#over()) {
        if (this.#socket.writableNeedDrain) await this.#drained()
        const message = this.#queue.shift()
        if (message !== undefined && this.#reversed) this.#replied(message, this.#reversed)
        else if (message !== undefined) await this.#answerOne(message)
        else if (this.#halt !== undefined) await this.#answerHalt(this.#halt)
        else break
        if (this.#over() || this.#abandoned.signal.aborted) break
        this.#take(this.#framer.push(nothing, this.#places))
        // After a request of a peer that sent many at once, other peers go first.
        if (this.#queue.length > 0) await new Promise((resolve) => setImmediate(resolve))
      }
    } catch (error) {
      this.#options.log.error('a connection failed inside the server', { ...this.#fields(), error })
      this.cut('answer-failed')
    }
    this.#working = false
    if (!this.#over()) this.#onQuiet()
  }

  /** Everything that has arrived is answered. */
  #onQuiet(): void {
    if (this.#peerEnded) return this.#finish('peer')
    if (this.#leaving) return this.#leaveOnceQuiet()
    if (!this.#reversed) this.#idleAt = this.#options.now() + this.#options.limits.idleTimeoutMs
  }

  /** From now on the server asks, and the peer answers. */
  #reverse(takeOver: TakeOver): void {
    const { now, limits } = this.#options
    const send = (bytes: Buffer) => this.#write(bytes, () => {})
    const end = () => this.#finish('answered')
    this.#reversed = new Reversed({ send, end, now, answerTimeoutMs: limits.noticeAnswerMs }, takeOver)
  }

  #replied(message: Buffer, reversed: Reversed): void {
    this.#held.giveBack(this.#messageBytes)
    this.#messageBytes = 0
    if (!reversed.receive(message)) this.#refuse('malformed', nothing)
  }

  /** Bytes that the kernel holds for this connection are read within the next whole turn of the event loop. */
  #leaveOnceQuiet(): void {
    const look = (): void => {
      if (!this.#working && !this.#framer.partial) this.#finish('closing')
    }
    setImmediate(() => setImmediate(look))
  }

  async #answerOne(message: Buffer): Promise<void> {
    const { now, limits, log, metrics } = this.#options
    const { encoding, host } = this.#framer
    metrics.count('messages', { encoding })
    this.#answerAt = now() + limits.answerTimeoutMs
    if (this.#ahead === 'no') this.#lookAheadAt = now() + limits.answerAfterEndMs
    this.#answering = true
    let answerBytes = 0
    const reserve = (bytes: number): boolean => {
      if (!this.#held.hold(bytes)) return false
      answerBytes += bytes
      return true
    }
    try {
      const { canReverse } = this.#framer
      const exchange = { abandoned: this.#abandoned.signal, encoding, host, canReverse, reserve }
      const answer = this.#framer.answer(await this.#options.answer(message, this.peer, exchange))
      if (this.#over()) answer.bytes.fill(0)
      else if (answer.close) this.#finish('answered', answer.bytes)
      else this.#write(answer.bytes, () => this.#held.giveBack(answerBytes))
      if (answer.takeOver && !this.#over()) this.#reverse(answer.takeOver)
    } catch (error) {
      metrics.count('answers_failed', {})
      log.error('a request could not be answered', { ...this.#fields(), error })
      this.cut('answer-failed')
    } finally {
      this.#answering = false
      this.#answerAt = never
      this.#held.giveBack(this.#messageBytes)
      this.#messageBytes = 0
      this.#lookAheadAt = never
    }
  }

  async #answerHalt(halt: MessageHalt): Promise<void> {
    if (halt.kind === 'broken')
      return this.#refuse(halt.error.code === 'too-large' ? 'too-large' : 'malformed', halt.answer)
    if (halt.bytes > this.#options.limits.untrustedMessageBytesMax) {
      const why = await this.#whyUnread(halt.bytes)
      if (why !== null) return this.#refuse(why)
      if (this.#over()) return
      if (!this.#held.hold(halt.bytes)) return this.#refuse('busy')
      this.#messageBytes = halt.bytes
    }
    if (halt.interim) this.#write(halt.interim, () => {})
    this.#take(this.#framer.permit(this.#places))
  }

  async #whyUnread(bytes: number): ReturnType<ListenerOptions['whyUnread']> {
    this.#answerAt = this.#options.now() + this.#options.limits.answerTimeoutMs
    try {
      return await this.#options.whyUnread(this.peer, bytes)
    } catch (error) {
      this.#options.log.error('check whether a peer is trusted', { ...this.#fields(), error })
      return 'unavailable'
    } finally {
      this.#answerAt = never
    }
  }

  /** `answer`: the last bytes for the peer, if they are no KMIP message. */
  #refuse(reason: Unreadable, answer?: Buffer): void {
    if (this.#over()) return
    this.#options.metrics.count('messages_unreadable', { reason })
    this.#options.log.debug('bytes that are not read as a message', { ...this.#fields(), reason })
    const { encoding } = this.#framer
    const bytes = answer ? null : this.#options.answerUnreadable?.(reason, this.peer, encoding)
    this.#finish('unreadable', bytes ? this.#framer.answer({ bytes, close: true }).bytes : answer)
  }

  #over(): boolean {
    return this.#closed || this.#ending !== undefined
  }

  // ------------------------------------------------------------ writing and closing

  /** Answers that are ready at once are encrypted one behind the other, after the last of them is made. */
  #write(bytes: Buffer, sent: () => void): void {
    if (bytes.length === 0) return sent()
    const { now, limits } = this.#options
    this.#writes += 1
    this.#writeAt = now() + limits.writeTimeoutMs
    const onTaken = (): void => {
      bytes.fill(0)
      sent()
      this.#writes -= 1
      this.#writeAt = this.#writes === 0 ? never : now() + limits.writeTimeoutMs
    }
    process.nextTick(() => this.#socket.write(bytes, onTaken))
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
  }

  /**
   * Sends the last bytes, close_notify and FIN. For a moment it reads and throws away what the peer still sends: if
   * it closed with unread bytes, the kernel would send a reset, and the peer would lose the last answer.
   */
  #finish(reason: Ending, bytes?: Buffer): void {
    if (this.#over()) return
    this.#end(reason)
    const { now, limits } = this.#options
    this.#writeAt = now() + limits.writeTimeoutMs
    // Behind the answers before, and not while TLS still reads the bytes that brought us here: it may have to answer those
    // that follow.
    process.nextTick(() => {
      if (bytes !== undefined && bytes.length > 0) this.#socket.write(bytes, () => bytes.fill(0))
      this.#socket.end(() => {
        this.#writeAt = never
        this.#lingerAt = now() + limits.lingerMs
      })
      this.#socket.resume()
    })
  }

  #end(reason: Ending): void {
    this.#ending ??= reason
    this.#reversed?.close()
    this.#queue.length = 0
    this.#halt = undefined
    this.#messageAt = never
    this.#idleAt = never
    this.#answerAt = never
    this.#abandonAt = never
    this.#lookAheadAt = never
    if (this.#working) this.#abandoned.abort(abandonment)
  }

  #onError(error: Error): void {
    // A reset by the peer is an ordinary end.
    this.#options.log.debug('a connection broke off', { ...this.#fields(), code: codeOf(error) })
  }

  #onClose(): void {
    this.#closed = true
    this.#end('peer')
    this.#held.close()
    this.#wake?.()
    const reason = this.#ending ?? 'peer'
    this.#options.metrics.count('connections_closed', { reason })
    this.#options.log.debug('connection closed', { ...this.#fields(), reason })
    this.#tellClosed()
    this.#letGo()
  }

  /**
   * V8's young collections keep Node's handle of a closed TLS connection, and with it whatever the listeners of its socket lead to:
   * each of these lived until the next full collection, and made young ones take 20 ms.
   */
  #letGo(): void {
    this.#socket.removeAllListeners()
    // Without a listener an error would end the process.
    this.#socket.on('error', ignore)
  }

  #fields(): Record<string, string | number> {
    return { connection: this.peer.connectionId, address: this.peer.address, port: this.peer.port }
  }
}

function ignore(): void {
  // The connection is closed.
}
