// Poll (KMIP 1.4 §4.28): the answer is the one of the operation that was pending, under its name, so batch.ts gives it. In a batch that
// is done as a whole or not at all it has no place.

import type { Handler } from './handler.ts'

export const poll: Handler<'Poll'> = async () => {
  throw new TypeError('Poll is no operation on keys')
}
