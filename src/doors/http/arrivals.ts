// Handshakes of the admin API take turns with those of KMIP clients, as soon as their ClientHello is whole. The expensive part of such a
// handshake is its first step, since no client certificate is asked for. So it takes one turn, and TLS reads the rest by itself. A
// subnet whose token was valid lately goes with the known ones; a subnet of KMIP clients does not make it one.

import type { Server } from 'node:https'
import type { Socket } from 'node:net'
import type { Admission } from '../admission/admission.ts'
import { Subnets } from '../admission/subnets.ts'
import type { Work } from '../admission/turns.ts'
import { Hello } from '../kmip/hello.ts'
import { listenerLimits } from '../kmip/listener-limits.ts'

type Secure = (raw: Socket) => void

export class AdminArrivals {
  readonly #admission: Admission
  readonly #subnetOf: (address: string) => string
  readonly #subnets: Subnets

  constructor(admission: Admission, { subnetOf }: { readonly subnetOf: (address: string) => string }) {
    this.#admission = admission
    this.#subnetOf = subnetOf
    this.#subnets = new Subnets(listenerLimits, () => admission.turns.now())
  }

  /** A token or session from the subnet was valid. */
  authenticated(subnet: string): void {
    this.#subnets.authenticated(subnet)
  }

  /** From now on the server begins no handshake by itself. */
  watch(server: Server, helloTimeoutMs: number): void {
    const [secure] = server.listeners('connection') as Secure[]
    server.removeAllListeners('connection')
    server.on('connection', (raw: Socket) =>
      this.#expect(raw, helloTimeoutMs, (socket) => secure?.call(server, socket)),
    )
  }

  #expect(raw: Socket, helloTimeoutMs: number, secure: Secure): void {
    const { arrivals } = this.#admission
    arrivals.accepted()
    const subnet = this.#subnetOf(raw.remoteAddress ?? 'gone')
    const line = `admin ${subnet}`
    const late = setTimeout(() => raw.destroy(), helloTimeoutMs)
    const work: Work = {
      begin: () => {
        arrivals.release(line)
        this.#begin(raw, hello.take(), this.#subnets.isKnown(subnet), secure)
        return true
      },
    }
    const hello = new Hello(raw, listenerLimits.helloBytesMax, {
      onReady: () => {
        clearTimeout(late)
        arrivals.enter(line, this.#subnets.isKnown(subnet) ? 'known' : 'new', work)
      },
      onNotTls: () => raw.destroy(),
    })
    // A peer that breaks off is followed by 'close'.
    raw.on('error', () => {})
    raw.on('close', () => {
      clearTimeout(late)
      arrivals.leave(line, work)
    })
  }

  #begin(raw: Socket, first: Buffer, isKnown: boolean, secure: Secure): void {
    if (raw.destroyed || raw.readableEnded) return void raw.destroy()
    const { turns, credit } = this.#admission
    const sinceMs = turns.now()
    raw.unshift(first)
    secure(raw)
    // TLS reads the hello behind this.
    if (!isKnown) process.nextTick(() => credit.new.spend(turns.now() - sinceMs))
  }
}
