// Opens the services of root keys beside Key Protect by the configuration, with a log line for each call. Part of the composition
// root. It decides where credentials go: no URI of a root key names a host.

import type { Config } from '../../outside/config/options.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import type { AwsKmsOptions } from '../../outside/rootkey/aws-kms/aws-kms.ts'
import type { AzureKvOptions } from '../../outside/rootkey/azure-kv/azure-kv.ts'
import type { AzureAccess } from '../../outside/rootkey/azure-kv/api.ts'
import { Clouds } from '../../outside/rootkey/clouds/clouds.ts'
import type { GcpKmsOptions } from '../../outside/rootkey/gcp-kms/gcp-kms.ts'
import type { VaultAccess } from '../../outside/rootkey/vault/api.ts'
import type { VaultOptions } from '../../outside/rootkey/vault/vault.ts'
import type { Log } from '../../core/ports/log.ts'
import { readCa, readSmall } from './credential-files.ts'
import { StartError } from '../first-start.ts'

/** Reads CAs now and credentials with each login: a replaced credential is in use from the next. Rejects with StartError. */
export async function openClouds(
  config: Pick<Config, 'vault' | 'aws' | 'azure' | 'gcp'>,
  clock: Clock,
  log: Pick<Log, 'debug' | 'warn'>,
): Promise<Clouds> {
  return new Clouds({
    vault: await vaultOf(config.vault),
    awsKms: await awsKmsOf(config.aws),
    azureKv: await azureKvOf(config.azure),
    gcpKms: await gcpKmsOf(config.gcp),
    clock,
    onCall: ({ ms, ...made }) => {
      const failed = !made.repeated && made.code !== null
      log[failed ? 'warn' : 'debug']({ ...made, ms: Math.round(ms) }, 'the service of a root key was called')
    },
  })
}

async function vaultOf(vault: Config['vault']): Promise<VaultOptions | null> {
  const { address, caFile, namespace } = vault
  if (address === null) return null
  return {
    address,
    ca: caFile === null ? undefined : await readCa(caFile, 'MORTISE_VAULT_CA_FILE'),
    namespace: namespace === '' ? undefined : namespace,
    access: accessOf(vault),
  }
}

async function awsKmsOf({
  kmsEndpoint,
  caFile,
  credentialsFile,
  profile,
}: Config['aws']): Promise<AwsKmsOptions> {
  return {
    endpoint: kmsEndpoint ?? undefined,
    ca: caFile === null ? undefined : await readCa(caFile, 'MORTISE_AWS_CA_FILE'),
    credentialsFile: credentialsFile ?? undefined,
    profile: profile === '' ? undefined : profile,
  }
}

async function azureKvOf(azure: Config['azure']): Promise<AzureKvOptions | null> {
  const { loginAddress, endpoint, caFile } = azure
  const access = azureAccessOf(azure)
  if (!access) return null
  const ca = caFile === null ? undefined : await readCa(caFile, 'MORTISE_AZURE_CA_FILE')
  return { access, loginAddress: loginAddress ?? '', endpoint: endpoint ?? undefined, ca }
}

async function gcpKmsOf({
  credentialsFile: file,
  kmsEndpoint,
  caFile,
}: Config['gcp']): Promise<GcpKmsOptions> {
  return {
    access:
      file === null
        ? { method: 'metadata-server' }
        : { method: 'service-account', readKeyFile: () => readSmall(file, 'MORTISE_GCP_CREDENTIALS_FILE') },
    endpoint: kmsEndpoint ?? 'https://cloudkms.googleapis.com',
    ca: caFile === null ? undefined : await readCa(caFile, 'MORTISE_GCP_CA_FILE'),
  }
}

/** undefined: there is none. */
function azureAccessOf(azure: Config['azure']): AzureAccess | undefined {
  const { tenantId, clientId, managedIdentity } = azure
  const readers = {
    'client-secret': readerOf(azure.clientSecretFile, (file) =>
      readSecret(file, 'MORTISE_AZURE_CLIENT_SECRET_FILE'),
    ),
    certificate: readerOf(azure.clientCertificateFile, (file) =>
      readSmall(file, 'MORTISE_AZURE_CLIENT_CERTIFICATE_FILE'),
    ),
    'federated-token': readerOf(azure.federatedTokenFile, (file) =>
      readSecret(file, 'MORTISE_AZURE_FEDERATED_TOKEN_FILE'),
    ),
  }
  const [named, another] = (['client-secret', 'certificate', 'federated-token'] as const).filter(
    (method) => readers[method] !== undefined,
  )
  if (another !== undefined || (named !== undefined && managedIdentity))
    throw new StartError(
      'root keys in Azure need one way to log in: azure.clientSecretFile, clientCertificateFile, federatedTokenFile or managedIdentity',
    )
  if (managedIdentity) return { method: 'managed-identity', clientId: clientId === '' ? undefined : clientId }
  const readCredential = named && readers[named]
  if (!readCredential) {
    if (tenantId === '' && clientId === '') return undefined
    throw new StartError(
      'azure.tenantId and azure.clientId need a credential, such as azure.clientSecretFile',
    )
  }
  if (tenantId === '' || clientId === '')
    throw new StartError('a credential for Azure needs azure.tenantId and azure.clientId')
  return { method: named, tenantId, clientId, readCredential }
}

function readerOf(
  file: string | null,
  read: (file: string) => Promise<string>,
): (() => Promise<string>) | undefined {
  return file === null ? undefined : () => read(file)
}

function accessOf(vault: Config['vault']): VaultAccess {
  const { tokenFile, roleId, secretIdFile, kubernetesRole, kubernetesTokenFile, authMount } = vault
  const named = [tokenFile !== null, roleId !== '', kubernetesRole !== ''].filter(Boolean).length
  if (named !== 1)
    throw new StartError(
      'vault.address needs one way to log in: vault.tokenFile, or vault.roleId with vault.secretIdFile, or vault.kubernetesRole',
    )
  if (tokenFile !== null)
    return { method: 'token', readToken: () => readSecret(tokenFile, 'MORTISE_VAULT_TOKEN_FILE') }
  if (roleId === '') {
    const file = kubernetesTokenFile ?? ''
    const readServiceAccountToken = () => readSecret(file, 'MORTISE_VAULT_KUBERNETES_TOKEN_FILE')
    return {
      method: 'kubernetes',
      mount: authMount || 'kubernetes',
      role: kubernetesRole,
      readServiceAccountToken,
    }
  }
  if (secretIdFile === null)
    throw new StartError('vault.roleId needs vault.secretIdFile: the file with the secret ID of the role')
  const readSecretId = () => readSecret(secretIdFile, 'MORTISE_VAULT_SECRET_ID_FILE')
  return { method: 'approle', mount: authMount || 'approle', roleId, readSecretId }
}

/** One line and nothing else. Throws RootKeyError('unreachable'), because a wrong file may be replaced. */
async function readSecret(file: string, variable: string): Promise<string> {
  const text = (await readSmall(file, variable)).trim()
  if (/^[\x21-\x7e]+$/.test(text)) return text
  throw new RootKeyError(
    'unreachable',
    `${file} (${variable}) should hold a secret, on one line and nothing else`,
  )
}
