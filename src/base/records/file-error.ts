// A mistake in a file that somebody imports, with the line where it is.

export class InventoryFileError extends Error {
  override readonly name = 'InventoryFileError'
  /** From 1; null: it concerns the file as a whole. */
  readonly line: number | null
  readonly hint: string | undefined
  constructor(line: number | null, message: string, hint?: string) {
    super(message)
    this.line = line
    this.hint = hint
  }
}
