// The services of root keys that the configuration names, each loaded and made when the first URI asks for it. This file knows
// which URI belongs to which service; each kind knows what its URI means.

import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { AwsKmsOptions } from '../aws-kms/aws-kms.ts'
import type { AzureKvOptions } from '../azure-kv/azure-kv.ts'
import type { GcpKmsOptions } from '../gcp-kms/gcp-kms.ts'
import type { VaultOptions } from '../vault/vault.ts'
import type { CloudRootKey } from './root-key.ts'
import type { CloudCallMade } from './session.ts'

export interface CloudOptions {
  /** null: the configuration names none. */
  readonly vault: VaultOptions | null
  readonly awsKms: AwsKmsOptions
  /** null: the configuration names no access. */
  readonly azureKv: AzureKvOptions | null
  readonly gcpKms: GcpKmsOptions
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after' | 'sleep'>
  /** Each call that was made, repeated ones too; for the log. */
  readonly onCall?: (made: CloudCallMade) => void
}

/** Opens the root keys of one service. */
interface CloudService {
  open(uri: string): CloudRootKey | Promise<CloudRootKey>
  close(): void
}

export class Clouds {
  readonly #options: CloudOptions
  readonly #services = new Map<CloudScheme, Promise<CloudService>>()

  constructor(options: CloudOptions) {
    this.#options = options
  }

  /** Throws RootKeyError. */
  async open(uri: string): Promise<CloudRootKey> {
    const scheme = cloudSchemeOf(uri)
    if (!scheme) throw new RootKeyError('root-key', `${uri} is not the URI of a root key in a cloud`)
    const service = this.#services.get(scheme) ?? makers[scheme](this.#options)
    this.#services.set(scheme, service)
    service.catch(() => this.#services.delete(scheme))
    return (await service).open(uri)
  }

  /** Checks the root key and returns sentences for the administrator. Throws RootKeyError with what is wrong and what to do. */
  async check(uri: string, purpose: { readonly opens: boolean }) {
    const rootKey = await this.open(uri)
    return { uri: rootKey.uri, id: rootKey.id, warnings: await rootKey.check(purpose) }
  }

  /** Ends calls under way and closes all connections. */
  close(): void {
    for (const service of this.#services.values()) service.then(end, () => undefined)
    this.#services.clear()
  }
}

function end(service: CloudService): void {
  service.close()
}

const makers = {
  vault: async ({ vault, ...shared }: CloudOptions): Promise<CloudService> => {
    const { Vault } = await import('../vault/vault.ts')
    if (vault) return new Vault(vault, shared)
    throw new RootKeyError(
      'root-key',
      'root keys in Vault need its address (vault.address, MORTISE_VAULT_ADDRESS) and a way to log in; see docs/root-key-vault.md',
    )
  },
  'aws-kms': async ({ awsKms, ...shared }: CloudOptions): Promise<CloudService> => {
    const { AwsKms } = await import('../aws-kms/aws-kms.ts')
    return new AwsKms(awsKms, shared)
  },
  'azure-kv': async ({ azureKv, ...shared }: CloudOptions): Promise<CloudService> => {
    const { AzureKv } = await import('../azure-kv/azure-kv.ts')
    if (azureKv) return new AzureKv(azureKv, shared)
    throw new RootKeyError(
      'root-key',
      'root keys in Azure need a way to log in: azure.tenantId and azure.clientId with a credential, or azure.managedIdentity; see docs/root-key-azure.md',
    )
  },
  'gcp-kms': async ({ gcpKms, ...shared }: CloudOptions): Promise<CloudService> => {
    const { GcpKms } = await import('../gcp-kms/gcp-kms.ts')
    return new GcpKms(gcpKms, shared)
  },
} satisfies Record<string, (options: CloudOptions) => Promise<CloudService>>

type CloudScheme = keyof typeof makers

/** The schemes of the URIs of root keys in clouds. */
export const cloudSchemes = Object.keys(makers) as readonly CloudScheme[]

/** undefined: this is not the URI of a root key in a cloud. */
function cloudSchemeOf(uri: string): CloudScheme | undefined {
  const scheme = uri.slice(0, Math.max(0, uri.indexOf(':'))).toLowerCase()
  return cloudSchemes.find((known) => known === scheme)
}
