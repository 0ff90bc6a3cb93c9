// A mistake in an imported file, and its line.

export class InventoryFileError extends Error {
  override readonly name = 'InventoryFileError'
  /** From 1. Null: the mistake concerns the whole file. */
  readonly line: number | null
  readonly hint: string | undefined
  constructor(line: number | null, message: string, hint?: string) {
    super(message)
    this.line = line
    this.hint = hint
  }
}
