// Why a login through the identity provider failed, in words for people.

import { Refusal } from '../../../base/refusal.ts'

/**
 * `unreachable`: the provider gave no answer that could be used. `misconfigured`: an administrator has to change something here or
 * there. `refused`: the provider, or a check of what it said, says no to this login. `pending`: the person has not decided yet.
 */
export type LoginFailure = 'unreachable' | 'misconfigured' | 'refused' | 'pending' | 'slow-down'

export class LoginError extends Refusal {
  override readonly name = 'LoginError'
  readonly failure: LoginFailure
  constructor(failure: LoginFailure, message: string, hint?: string, options?: ErrorOptions) {
    super(failure === 'refused' ? 'refused' : 'unavailable', message, hint, options)
    this.failure = failure
  }
}
