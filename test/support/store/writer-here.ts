// The store's writer on the thread of the test, behind the same messages: a thread of its own takes 90 ms of CPU to start, and
// the tests start hundreds. The thread is tested in test/outside/store/, and with every server that is a process of its own.

import { EventEmitter } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { serveWriter } from '../../../src/outside/store/sqlite/writer.ts'
import type { StartWriter } from '../../../src/outside/store/sqlite/writer-thread.ts'

export const writerHere: StartWriter = (data) => {
  const { port1, port2 } = new MessageChannel()
  const link = new EventEmitter()
  port2.on('message', (message) => link.emit('message', message))
  port2.on('messageerror', (error) => link.emit('messageerror', error))
  port2.on('close', () => link.emit('exit', 0))
  serveWriter(port1, data)
  return Object.assign(link, { postMessage: port2.postMessage.bind(port2) })
}
