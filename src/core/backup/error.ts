// The error of a backup that the server cannot write, read or trust, in words for people.

import { Refusal } from '../../base/refusal.ts'

export class BackupError extends Refusal {
  override readonly name = 'BackupError'
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super('unavailable', message, hint, options)
  }
}
