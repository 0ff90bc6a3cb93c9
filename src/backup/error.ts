// What makes a backup impossible to write, read or believe, in words for people.

export class BackupError extends Error {
  override readonly name = 'BackupError'
  readonly hint: string | undefined
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.hint = hint
  }
}
