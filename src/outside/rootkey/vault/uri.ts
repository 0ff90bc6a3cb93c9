// The URI of a root key in the transit engine of HashiCorp Vault or OpenBao:
//
//     vault:transit/mortise            MOUNT/KEY; a mount may have slashes in it
//
// It names no server: that is the configuration's. So nobody who may choose a root key chooses whom Mortise shows its token.

import { RootKeyError } from '../../../core/ports/root-key.ts'

export interface VaultUri {
  readonly mount: string
  readonly key: string
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseVaultUri(uri: string): VaultUri {
  const [, mount, key] = /^vault:([\w.-]+(?:\/[\w.-]+)*)\/([\w.-]+)$/i.exec(uri) ?? []
  if (
    mount !== undefined &&
    key !== undefined &&
    !`${mount}/${key}`.split('/').some((part) => /^\.+$/.test(part))
  )
    return { mount, key }
  const server = /^vault:\/\//i.test(uri)
    ? '. The server is named in the configuration alone (vault.address)'
    : ''
  throw new RootKeyError(
    'root-key',
    `${uri.replace(/\/\/[^/]*@/, '//')} is not the URI of a root key in Vault. Write vault:MOUNT/KEY, such as vault:transit/mortise${server}`,
  )
}

export function formatVaultUri({ mount, key }: VaultUri): string {
  return `vault:${mount}/${key}`
}
