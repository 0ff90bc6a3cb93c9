// Holds 300 TCP connections to the admin API and never sends a byte. A connection that the server closes is opened
// again a second later.

import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Attack, Listening } from './target.ts'

const connections = 300
const reopenAfterMs = 1_000

export const idleAdmin: Attack = async ({ admin }, signal) => {
  await Promise.all(Array.from({ length: connections }, () => holdOne(admin, signal)))
}

async function holdOne(where: Listening, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const socket = connect(where)
    socket.on('error', () => {})
    const stop = (): void => void socket.destroy()
    signal.addEventListener('abort', stop)
    socket.resume()
    await once(socket, 'close').catch(() => undefined)
    signal.removeEventListener('abort', stop)
    await sleep(reopenAfterMs, undefined, { signal }).catch(() => undefined)
  }
}
