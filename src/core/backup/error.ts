// The error of a backup that cannot be written, read or believed, in words for people.

import { Refusal } from '../../base/refusal.ts'

export class BackupError extends Refusal {
  override readonly name = 'BackupError'
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super('unavailable', message, hint, options)
  }
}
