// The thread that writes the access log. It waits for requests in memory that it shares with the thread that serves TLS, and
// writes its answers there, which costs a Get less than messages between threads. This is the entry of a worker thread;
// appender.ts is its counterpart.

import { ftruncateSync, writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { sharedViews, state, word, type AppendThreadData } from './append-messages.ts'

function serve({ file, shared }: AppendThreadData): never {
  const { words, size, bytes } = sharedViews(shared)
  for (;;) {
    while (Atomics.load(words, word.state) !== state.waiting) Atomics.wait(words, word.state, state.answered)
    const [length = 0] = size
    words[word.error] = errorOf(() => {
      if (words[word.isTruncation] === 1) ftruncateSync(file, length)
      else for (let at = 0; at < length;) at += writeSync(file, bytes, at, length - at)
    })
    Atomics.store(words, word.state, state.answered)
    Atomics.notify(words, word.state)
  }
}

function errorOf(work: () => void): number {
  try {
    work()
    return 0
  } catch (error) {
    if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return error.errno
    throw error
  }
}

serve(workerData as AppendThreadData)
