// Poll (KMIP 1.4 §4.28): the answer is the one of the operation that was pending, under its name, so batch.ts gives it. A batch
// with Undo may not have it.

import type { Handler } from './handler.ts'

export const poll: Handler<'Poll'> = async () => {
  throw new TypeError('Poll is no operation on keys')
}
