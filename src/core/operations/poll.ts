// Poll (KMIP 1.4 §4.28): returns the answer of the pending operation under that operation's name, so batch.ts does it. A batch
// with Undo must not contain a Poll.

import type { Handler } from './handler.ts'

export const poll: Handler<'Poll'> = async () => {
  throw new TypeError('Poll is no operation on keys')
}
