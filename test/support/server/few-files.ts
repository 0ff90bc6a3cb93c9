// A server whose process may have few files open, and strangers who ask for more connections than those.

import { once } from 'node:events'
import { connect } from 'node:net'
import path from 'node:path'

const openFiles = 200
const strangersEach = 100

const main = path.resolve(import.meta.dirname, '../../../src/program/main.ts')

/** For startServer. */
export const withFewFiles = [
  'sh',
  '-c',
  `ulimit -n ${openFiles}; exec "$0" "$@"`,
  process.execPath,
  '--disable-sigusr1',
  '--disable-warning=ExperimentalWarning',
  main,
] as const

/** Opens 300 connections from three addresses. They end when it is disposed of. */
export async function openStrangers(to: {
  readonly host: string
  readonly port: number
}): Promise<Disposable> {
  using opening = new DisposableStack()
  for (const localAddress of ['127.0.0.2', '127.0.0.3', '127.0.0.4'])
    for (let n = 0; n < strangersEach; n++) {
      const stranger = opening.adopt(connect({ ...to, localAddress }), (socket) => socket.destroy())
      stranger.on('error', () => {})
      await once(stranger, 'connect')
    }
  return opening.move()
}
