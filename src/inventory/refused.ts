// Why an inventory is not taken: for whoever imports it.

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
