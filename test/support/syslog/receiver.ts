// A receiver of syslog for tests: takes frames that are counted by length (RFC 6587 §3.4.1), over TCP or TLS.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { freePort } from '../server/free-port.ts'

export interface ReceivedMessage {
  /** The whole message, from its priority on. */
  readonly message: string
  readonly writer: string
  readonly number: number
}

export class SyslogReceiver {
  readonly messages: ReceivedMessage[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new Set<() => void>()
  #port = 0
  /** Whether what arrives is read. */
  #reads = true
  /** Since the beginning. */
  connections = 0

  constructor(tls?: TlsOptions) {
    const take = (socket: Socket) => this.#take(socket)
    this.#server = tls ? createTlsServer(tls, take) : createServer(take)
  }

  /** Returns the port, which stays the same when it listens again. */
  async listen(): Promise<number> {
    this.#port ||= await freePort()
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    return this.#port
  }

  /** Ends all connections, as a receiver that is killed. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  pause(): void {
    this.#reads = false
    for (const socket of this.#sockets) socket.pause()
  }

  /** Resolves once the condition holds of what has arrived, which is asked with each message and connection. */
  async until(holds: (messages: readonly ReceivedMessage[]) => boolean): Promise<void> {
    while (!holds(this.messages)) {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      this.#waiting.add(() => resolve(undefined))
      await promise
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    this.connections++
    if (!this.#reads) socket.pause()
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      rest = this.#frames(Buffer.concat([rest, chunk]))
      this.#wake()
    })
    this.#wake()
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }

  /** Returns what is left behind the last whole frame. */
  #frames(bytes: Buffer): Buffer {
    for (;;) {
      const space = bytes.indexOf(0x20)
      const length = Number(bytes.subarray(0, Math.max(0, space)).toString('latin1'))
      const end = space + 1 + length
      if (space === -1 || bytes.length < end) return bytes
      const message = bytes.subarray(space + 1, end).toString('utf8')
      const { writer = '', number } =
        /writer="(?<writer>[^"]*)" number="(?<number>\d+)"/.exec(message)?.groups ?? {}
      this.messages.push({ message, writer, number: Number(number) })
      bytes = bytes.subarray(end)
    }
  }
}

/** What is missing between the first and the last number of each writer: `writer number`. */
export function gapsIn(received: readonly Pick<ReceivedMessage, 'writer' | 'number'>[]): readonly string[] {
  return [...Map.groupBy(received, ({ writer }) => writer)].flatMap(([writer, own]) => {
    const numbers = new Set(own.map(({ number }) => number))
    const all = Array.from({ length: Math.max(...numbers) }, (_, index) => index + 1)
    return all.filter((number) => !numbers.has(number)).map((number) => `${writer} ${String(number)}`)
  })
}
