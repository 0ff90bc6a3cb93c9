// One lane of a load run: does one piece of work after the other on a connection of its own, either kept or new for each
// piece. It prepares the request bytes beforehand, and decodes an answer only as far as needed to recognize success,
// so that the run measures the server and not this client.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../../base/kmip-address.ts'
import { readAnswer, readPayload, wrongAnswer } from '../../outside/kmip-client/answers.ts'
import {
  openConnection,
  type ClientConnection,
  type TlsSession,
} from '../../outside/kmip-client/connection.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import type { ClientTls } from '../../outside/kmip-client/tls.ts'
import { benchWorks, type BenchKey, type BenchName, type BenchStep } from './bench-mix.ts'
import type { Schedule } from './bench-schedule.ts'
import type { BenchTally } from './bench-tally.ts'

export interface LaneOptions {
  readonly address: Address
  readonly tls: ClientTls
  readonly perWork: boolean
  readonly resume: boolean
  readonly round: readonly BenchName[]
  /** The keys to fetch. */
  readonly keys: readonly BenchKey[]
  /** Called with the identifier of each key that Create made. */
  readonly made: (id: string) => void
}

const noKey: BenchKey = { id: '', name: '' }

/** A lane waits this long times its number of consecutive failures. */
const pauseMs = 20
const pauseMsMax = 500

export class BenchLane {
  readonly #options: LaneOptions
  readonly #messages = new Map<string, Buffer>()
  #turn: number
  #connection: ClientConnection | undefined
  #closing: Promise<void> | undefined
  #session: TlsSession | undefined
  #failuresInRow = 0

  /** Lanes with different numbers begin at different places of the round and of the keys. */
  constructor(options: LaneOptions, number: number) {
    this.#options = options
    this.#turn = number * 7_919
  }

  async run(tally: BenchTally, schedule: Schedule): Promise<void> {
    for (;;) {
      const dueMs = await schedule.due()
      if (dueMs === undefined) return
      const name = this.#next()
      try {
        await this.#piece(name, tally, dueMs)
        this.#failuresInRow = 0
      } catch (error) {
        tally.failed(name, failureText(error))
        this.#failuresInRow += 1
        if (!(error instanceof KmipRefused)) await this.#drop()
        await sleep(Math.min(pauseMsMax, pauseMs * this.#failuresInRow))
      }
    }
  }

  async close(): Promise<void> {
    await this.#drop()
    await this.#closing
  }

  #next(): BenchName {
    const { round } = this.#options
    this.#turn += 1
    return round[this.#turn % round.length] ?? 'discover'
  }

  async #piece(name: BenchName, tally: BenchTally, dueMs: number): Promise<void> {
    const connection = await this.#open(tally)
    for (const step of benchWorks[name].steps) {
      const sentMs = performance.now()
      const answer = await connection.exchange(this.#message(step))
      const endedMs = performance.now()
      this.#checks(step, answer, connection)
      tally.done(step.name, endedMs - sentMs)
    }
    tally.pieces.add(performance.now() - dueMs)
    if (!this.#options.perWork) return
    if (this.#options.resume) this.#session = connection.session ?? this.#session
    await this.#drop()
  }

  /**
   * Closes the connection without waiting for the server's end of it. Waits for the close of the previous one instead.
   */
  async #drop(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    await this.#closing
    this.#closing = connection?.close()
  }

  async #open(tally: BenchTally): Promise<ClientConnection> {
    if (this.#connection?.isOpen) return this.#connection
    const { address, tls } = this.#options
    const connection = await openConnection(address, { tls, session: this.#session })
    tally.handshakes.add(connection.connectMs + connection.handshakeMs)
    if (connection.isResumed) tally.resumed += 1
    this.#connection = connection
    return connection
  }

  #message({ operation, needs, message }: BenchStep): Buffer {
    const { keys, round } = this.#options
    const key = (needs && keys[Math.floor(this.#turn / round.length) % keys.length]) || noKey
    const known = this.#messages.get(`${operation} ${key.id}`)
    if (known) return known
    const made = message(key)
    this.#messages.set(`${operation} ${key.id}`, made)
    return made
  }

  #checks({ operation }: BenchStep, bytes: Buffer, { address }: ClientConnection): void {
    const answer = readAnswer(bytes, address)
    const [item] = answer.items
    if (!item) throw wrongAnswer(address, 'no batch item')
    if (item.status !== 'Success') throw new KmipRefused(operation, item)
    if (operation === 'Create')
      this.#options.made(readPayload('Create', item, answer, address).UniqueIdentifier)
    if (operation === 'Locate' && readPayload('Locate', item, answer, address).UniqueIdentifier.length === 0)
      throw new FoundNothing()
    // The answer may hold a key.
    bytes.fill(0)
  }
}

/** Locate succeeded, without the key that has the Name. */
class FoundNothing extends Error {}

function failureText(error: unknown): string {
  if (error instanceof FoundNothing) return 'the key was not found'
  if (error instanceof KmipRefused) return `refused: ${error.reason ?? error.status}`
  if (error instanceof KmipTransportError) return error.what
  throw error
}
