// A thread of the pool for tests: it generates nothing. A job for x448 ends it, one for RSA is answered after as many
// milliseconds as the key has bits, and all others at once. As a process it ends without an answer; asked for 5,000 bits, it
// prints what is none.

import { parentPort } from 'node:worker_threads'
import type { FromPoolThread, ToPoolThread } from '../../../src/core/crypto/pool-messages.ts'

parentPort?.on('message', ({ input }: ToPoolThread) => {
  const { type, bits } = input as { readonly type: string; readonly bits?: number }
  if (type === 'x448') process.exit(3)
  const answer = (): void => {
    parentPort?.postMessage({ type: 'done', output: { type, bits } } satisfies FromPoolThread, [])
  }
  if (type === 'rsa') setTimeout(answer, bits)
  else answer()
})

if (!parentPort)
  process.once('message', ({ input }: ToPoolThread) => {
    if ((input as { readonly bits?: number }).bits !== 5_000) process.exit()
    process.stdout.write('no answer', () => process.exit())
  })
