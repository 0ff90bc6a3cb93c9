// Mortise as the model's sequences meet it: the core on a real store, and the listener's answerer, which takes bytes and gives
// bytes. Two instances with two clients each, for some sequences, since trust costs more than a sequence; then two others. The
// core is made again from time to time, since nothing ever leaves it.

import type { TestContext } from 'node:test'
import type { Peer } from '../../../src/doors/kmip/contract.ts'
import { answeringOn, peerOf } from '../server/answering.ts'
import { makeCertificate, type TestIdentity } from '../certificates/certificates.ts'
import { ModelServer } from '../../model/server.ts'
import { makeInstance, openCore, trustClient } from '../server/core.ts'

const pairsPerCore = 25

export interface Pair {
  readonly models: readonly [ModelServer, ModelServer]
  readonly identifiers: Identifiers
  /** Seconds since 1970. */
  readonly now: () => bigint
  readonly pass: (ms: number) => Promise<void>
  /** The clients 0 and 1 are of the first instance, 2 and 3 of the second. */
  readonly ask: (client: number, message: Buffer) => Promise<Buffer>
}

export class Mortise implements AsyncDisposable {
  #place: Awaited<ReturnType<typeof openPlace>> | undefined
  #identities: TestIdentity[] = []
  #pairs = 0

  /** Two new instances. */
  async pair(): Promise<Pair> {
    if (this.#pairs++ % pairsPerCore === 0) {
      await this.#place?.close()
      this.#place = await openPlace()
    }
    const place = this.#place ?? (await openPlace())
    const peers: Peer[] = []
    for (const which of ['a', 'b']) {
      const instance = await makeInstance(place.core, `${which}${this.#pairs}`, { restrictions: 'as-sent' })
      for (let client = 0; client < 2; client++) {
        const number = (this.#pairs % pairsPerCore) * 4 + peers.length
        const identity = (this.#identities[number] ??= await makeCertificate({
          key: 'ec',
          commonName: `client ${number}`,
        }))
        await trustClient(place.core, instance, `client-${client}`, identity)
        peers.push(peerOf(identity))
      }
    }
    const identifiers = new Identifiers()
    const newId = () => identifiers.next()
    return {
      identifiers,
      models: [new ModelServer(newId), new ModelServer(newId)],
      now: () => BigInt(Math.floor(place.core.clock.now() / 1_000)),
      pass: async (ms) => {
        // The records of reads are in the log: they count as held up if the clock jumps while they are on their way.
        if (ms > 0) await place.core.store.audit({ order: 'newest', limit: 1 })
        place.core.clock.pass(ms)
      },
      ask: async (client, message) => {
        const peer = peers[client]
        if (!peer) throw new RangeError(`there is no client ${client}`)
        return place.answer(message, peer)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#place?.close()
  }
}

/** Which identifier of Mortise stands for which of the model. */
export class Identifiers {
  readonly #real = new Map<string, string>()
  readonly #modelled = new Map<string, string>()
  #made = 0

  next(): string {
    return `k${++this.#made}`
  }

  bind(modelled: string, real: string): void {
    this.#real.set(modelled, real)
    this.#modelled.set(real, modelled)
  }

  isNew(modelled: string, real: string): boolean {
    return !this.#real.has(modelled) && !this.#modelled.has(real)
  }

  real(modelled: string): string {
    return this.#real.get(modelled) ?? modelled
  }

  modelled(real: string): string {
    return this.#modelled.get(real) ?? real
  }
}

async function openPlace() {
  const closers: (() => unknown)[] = []
  const context = { after: (close: () => unknown) => closers.push(close) } as unknown as TestContext
  const core = await openCore(context)
  const { answer, close } = answeringOn(core)
  closers.unshift(close)
  return {
    core,
    answer,
    close: async () => {
      for (const one of closers) await one()
    },
  }
}
