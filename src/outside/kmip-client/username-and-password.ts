// The credential of a client that has a name and a password.

import type { Credential } from '../../wire/kmip/credential.ts'

/** A value for `Authentication` (KMIP 1.4 §2.1.2). */
export function usernameAndPassword(given: {
  readonly username: string
  readonly password: string
}): Credential {
  return {
    CredentialType: 'UsernameAndPassword',
    CredentialValue: { Username: given.username, Password: given.password },
  }
}
