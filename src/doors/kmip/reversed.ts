// This server's side of a connection on which the peer took the server role: this server sends one request at a time, and the peer answers
// it. The connection passes on the messages that arrive, and its sweep checks the deadline. core/operations/notifier.ts makes the requests.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Asking, NotifierTakeOver } from '../../core/operations/notifier.ts'

/** The functions of the connection that `Reversed` uses. */
interface OwnSide {
  readonly send: (bytes: Buffer) => void
  readonly end: () => void
  readonly now: () => number
  readonly answerTimeoutMs: number
}

interface Outstanding {
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: Error) => void
  readonly dueAt: number
}

export class Reversed implements Asking {
  readonly #connection: OwnSide
  #outstanding: Outstanding | undefined
  #closed = false
  readonly #stop: () => void

  constructor(connection: OwnSide, takeOver: NotifierTakeOver) {
    this.#connection = connection
    this.#stop = takeOver(this)
  }

  ask(request: Buffer): Promise<Buffer> {
    if (this.#closed || this.#outstanding) {
      request.fill(0)
      return Promise.reject(ended())
    }
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const { send, now, answerTimeoutMs } = this.#connection
    this.#outstanding = { resolve, reject, dueAt: now() + answerTimeoutMs }
    send(request)
    return promise
  }

  end(): void {
    this.close()
    this.#connection.end()
  }

  /** Takes a message as the answer to the open request. Returns false if no request is open. */
  receive(message: Buffer): boolean {
    const outstanding = this.#outstanding
    this.#outstanding = undefined
    outstanding?.resolve(message)
    return outstanding !== undefined
  }

  isOverdue(now: number): boolean {
    return this.#outstanding !== undefined && now >= this.#outstanding.dueAt
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#outstanding?.reject(ended())
    this.#outstanding = undefined
    this.#stop()
  }
}

function ended(): Fault {
  return new Fault('OperationCanceledByRequester', 'the connection ended')
}
