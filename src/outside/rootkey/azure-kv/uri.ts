// The URI of a root key in Azure Key Vault or in a Managed HSM: azure-kv: and the host and the name of the key, as its identifier has
// them, without the version.
//
//     azure-kv:contoso.vault.azure.net/mortise
//     azure-kv:contoso-hsm.managedhsm.azure.net/mortise

import { RootKeyError } from '../../../core/ports/root-key.ts'

export interface AzureUri {
  readonly host: string
  readonly key: string
  /** For which Mortise's token must be. */
  readonly resource: string
}

/** Only domains of Microsoft, so that no URI has Mortise show its token to anybody else. */
const domains = [
  'vault.azure.net',
  'managedhsm.azure.net',
  'vault.azure.cn',
  'managedhsm.azure.cn',
  'vault.usgovcloudapi.net',
  'managedhsm.usgovcloudapi.net',
]

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseAzureUri(uri: string): AzureUri {
  const [, vault, domain = '', key] =
    /^azure-kv:(?:https:\/\/)?([a-z0-9][a-z0-9-]{1,22}[a-z0-9])\.([a-z.]+)(?:\/keys)?\/([a-z0-9-]{1,127})$/i.exec(
      uri,
    ) ?? []
  const known = domains.find((one) => one === domain.toLowerCase())
  if (vault === undefined || key === undefined || known === undefined)
    throw new RootKeyError(
      'root-key',
      `${uri.replace(/\/\/[^/]*@/, '//')} is not the URI of a root key in Azure. Write azure-kv: with host and name of the key, such as ` +
        'azure-kv:contoso.vault.azure.net/mortise; no version, since Mortise takes the newest one',
    )
  return { host: `${vault.toLowerCase()}.${known}`, key, resource: `https://${known}` }
}
