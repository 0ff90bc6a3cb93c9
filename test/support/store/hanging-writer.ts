// The store's writer on a disk that hangs while a test says so: what is handed to it gets no answer, and no error either.

import type { ToWriter } from '../../../src/outside/store/sqlite/writer-messages.ts'
import type { StartWriter } from '../../../src/outside/store/sqlite/writer-thread.ts'
import { appenderHere } from './threads-here.ts'
import { writerHere } from './writer-here.ts'

export function hangingWriter() {
  let held: (() => void)[] | undefined
  const startWriter: StartWriter = (data) => {
    const link = writerHere(data)
    const post = link.postMessage.bind(link)
    const postMessage = (message: ToWriter) => {
      if (held) held.push(() => post(message, []))
      else post(message, [])
    }
    return Object.assign(link, { postMessage })
  }
  return {
    threads: { startWriter, startAppender: appenderHere },
    hang: () => void (held = []),
    goOn: () => {
      const waiting = held ?? []
      held = undefined
      for (const send of waiting) send()
    },
  }
}
