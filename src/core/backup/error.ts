// The error of a backup that cannot be written, read or believed, in words for people.

export class BackupError extends Error {
  override readonly name = 'BackupError'
  readonly hint: string | undefined
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.hint = hint
  }
}
