// Why an inventory is not taken, or a report on it is not made: for whoever asked.

export class InventoryRefused extends Error {
  override readonly name = 'InventoryRefused'
  readonly code: 'not-found' | 'conflict' | 'bad-request'
  readonly hint: string | undefined
  constructor(code: InventoryRefused['code'], message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

export function replaced(): InventoryRefused {
  return new InventoryRefused(
    'conflict',
    'the server stops, or another inventory took the place of one while it was read: what was read is not whole',
    'Ask again.',
  )
}

export function notOpen(): InventoryRefused {
  return new InventoryRefused(
    'not-found',
    'there is no such import: it was finished, or was forgotten because it took too long',
    'Import the file anew: mortise inventory import FILE',
  )
}
