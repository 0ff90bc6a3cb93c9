// Why an inventory is not taken, or a report on it is not made, in words for the asker.

import { Refusal } from '../../base/refusal.ts'

export function replaced(): Refusal {
  return new Refusal(
    'conflict',
    'the server stops, or another inventory took the place of one while it was read: what was read is not whole',
    'Ask again.',
  )
}

export function notOpen(): Refusal {
  return new Refusal(
    'not-found',
    'there is no such import: it was finished, or was forgotten because it took too long',
    'Import the file again: mortise inventory import FILE',
  )
}
