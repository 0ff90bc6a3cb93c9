// Opens TLS connections to the admin API, a full handshake each, and drops them as soon as they are open.

import { once } from 'node:events'
import type { TcpNetConnectOpts } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type ConnectionOptions } from 'node:tls'
import { loopbackAddresses } from './handshakes.ts'
import type { Attack, Listening } from './target.ts'

const addresses = 8
const atOnce = 16
const afterFailureMs = 20

export const adminHandshakes: Attack = async ({ admin }, signal) => {
  const lanes = loopbackAddresses(addresses).flatMap((from) =>
    Array.from({ length: atOnce }, async () => openAgain(admin, from, signal)),
  )
  await Promise.all(lanes)
}

async function openAgain(where: Listening, localAddress: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const options: ConnectionOptions & TcpNetConnectOpts = {
      ...where,
      localAddress,
      rejectUnauthorized: false,
    }
    const socket = connect(options)
    socket.on('error', () => {})
    const stop = (): void => void socket.destroy()
    signal.addEventListener('abort', stop)
    const isOpen = await Promise.race([
      once(socket, 'secureConnect').then(
        () => true,
        () => false,
      ),
      once(socket, 'close').then(
        () => false,
        () => false,
      ),
    ])
    signal.removeEventListener('abort', stop)
    socket.destroy()
    if (!isOpen) await sleep(afterFailureMs)
  }
}
