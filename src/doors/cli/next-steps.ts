// The flags that a next command needs, as a command prints it.

import { shellWord } from '../../base/text/shell-word.ts'
import type { ConnectOptions } from './connect.ts'

/** The flags that lead another command to the same server, with the same token, each after a space; those that were given for this one. */
export function sameServer(
  options: Readonly<Partial<Record<keyof ConnectOptions, string | undefined>>>,
): string {
  const { config, data, profile, admin, tokenFile, adminCa, adminFingerprint } = options
  const flags = {
    config,
    data,
    profile,
    admin,
    'token-file': tokenFile,
    'admin-ca': adminCa,
    'admin-fingerprint': adminFingerprint,
  }
  return Object.entries(flags)
    .map(([flag, value]) => (value === undefined ? '' : ` --${flag} ${shellWord(value)}`))
    .join('')
}
