// A connection of the listener, from its acceptance to its end: the facts that the stages keep about it. It decides nothing; it only
// answers questions about its state.

import type { Socket } from 'node:net'
import type { HeldBytes } from '../admission/budget.ts'
import type { Connection } from './connection.ts'
import type { ClientHolder } from '../admission/places.ts'
import type { Wire } from './contract.ts'
import type { Handshaking } from './handshakes.ts'
import type { Hello } from './hello.ts'

interface EntrantParts {
  readonly id: string
  readonly wire: Wire
  readonly address: string
  readonly port: number
  readonly subnet: string
  readonly held: HeldBytes
}

/** A class, so that all entrants have one shape for V8. Code that meets a new shape with each connection is several times slower. */
export class Entrant implements Handshaking, ClientHolder {
  readonly id: string
  readonly wire: Wire
  readonly address: string
  readonly port: number
  readonly subnet: string
  readonly held: HeldBytes
  readonly raw: Socket
  readonly hello: Hello
  stage: Handshaking['stage'] = 'hello'
  since: number
  waitedMs = 0
  failure: string | undefined = undefined
  turn: Handshaking['turn'] = undefined
  begun: Handshaking['begun'] = undefined
  connection: Connection | undefined = undefined
  trusted = false

  constructor(
    { id, wire, address, port, subnet, held }: EntrantParts,
    raw: Socket,
    hello: Hello,
    since: number,
  ) {
    this.id = id
    this.wire = wire
    this.address = address
    this.port = port
    this.subnet = subnet
    this.held = held
    this.raw = raw
    this.hello = hello
    this.since = since
  }

  /** Whether the listener may end it to make room. A stranger receives only refusals, so it keeps no place by leaving them unread. */
  get spare(): boolean {
    if (this.connection === undefined || this.connection.spare) return true
    return !this.trusted && !this.connection.answering
  }

  get arriving(): boolean {
    return this.stage === 'waiting' || this.stage === 'handshake'
  }

  /** Whether a MeteredStream stands between the socket and TLS and counts its records. */
  get isMetered(): boolean {
    return this.begun?.stream !== undefined
  }

  /** Whether the budget has room for its waiting bytes: those that wait for its turn, and answers that the peer does not read. */
  waitsInRoom(): boolean {
    const { held, raw, hello, begun, connection } = this
    const bytes = begun === undefined ? hello.bytes : (begun.stream?.heldBytes ?? 0)
    return held.wait(
      raw.readableLength + bytes + (connection?.unreadBytes ?? 0),
      connection?.unsentBytes ?? 0,
    )
  }
}
