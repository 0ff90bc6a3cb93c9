// Each kind of root key in a cloud, as a system test uses it: its fake with a key and access to it, and what makes the service
// refuse.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { CloudFake } from './fake.ts'
import { accessKeyFile } from './aws-kms-access.ts'
import { azureTenant } from './azure-kv.ts'
import { serviceAccountFile } from './gcp-credentials.ts'
import { transitRules } from './mortise.ts'

export interface PreparedCloud {
  readonly fake: CloudFake
  readonly uri: string
  /** For the server. */
  readonly env: Readonly<Record<string, string>>
  /** Takes Mortise's access to the key away, and gives it back. */
  readonly refuse: () => Promise<unknown>
  readonly admit: () => Promise<unknown>
  readonly rotate: () => Promise<unknown>
  /** The fake's name of the call that opens. */
  readonly decrypt: string
}

export const cloudKinds: Readonly<Record<string, () => Promise<PreparedCloud>>> = {
  vault: async () => {
    const fake = await CloudFake.start('vault')
    const key = 'transit/mortise'
    const secretId = path.join(fake.folder, 'secret-id')
    writeFileSync(secretId, 'secret-id-of-a-test\n', { mode: 0o600 })
    const policy = (rules: readonly object[]) => fake.tell('policy', { name: 'mortise', rules })
    await fake.tell('key', { key })
    await policy(transitRules(key))
    const policies = ['default', 'mortise']
    await fake.tell('approle', { id: 'role-of-a-test', secret: 'secret-id-of-a-test', policies })
    return {
      fake,
      uri: `vault:${key}`,
      env: {
        MORTISE_VAULT_ADDRESS: `https://${fake.about.host}`,
        MORTISE_VAULT_CA_FILE: fake.about.caFile,
        MORTISE_VAULT_ROLE_ID: 'role-of-a-test',
        MORTISE_VAULT_SECRET_ID_FILE: secretId,
      },
      refuse: () => policy([]),
      admit: () => policy(transitRules(key)),
      rotate: () => fake.tell('rotate', { key }),
      decrypt: 'decrypt',
    }
  },
  'aws-kms': async () => {
    const fake = await CloudFake.start('aws-kms')
    const arn = await fake.tell<string>('key')
    const allow = (allowed: boolean) => fake.tell('allow', { arn, allowed })
    return {
      fake,
      uri: `aws-kms:${arn}`,
      env: {
        MORTISE_AWS_KMS_ENDPOINT: `https://${fake.about.host}`,
        MORTISE_AWS_CA_FILE: fake.about.caFile,
        MORTISE_AWS_CREDENTIALS_FILE: await accessKeyFile(fake),
      },
      refuse: () => allow(false),
      admit: () => allow(true),
      rotate: () => fake.tell('rotate', { arn }),
      decrypt: 'Decrypt',
    }
  },
  'azure-kv': async () => {
    const fake = await CloudFake.start('azure-kv')
    const secretFile = path.join(fake.folder, 'client-secret')
    writeFileSync(secretFile, 'client-secret-of-a-test\n', { mode: 0o600 })
    const clientId = 'a3f1c2d4-1111-4222-8333-444455556666'
    await fake.tell('application', { id: clientId, secret: 'client-secret-of-a-test' })
    await fake.tell('key', { key: 'mortise' })
    const permit = (permitted: readonly string[]) => fake.tell('permit', { key: 'mortise', permitted })
    return {
      fake,
      uri: 'azure-kv:fake.vault.azure.net/mortise',
      env: {
        MORTISE_AZURE_TENANT_ID: azureTenant,
        MORTISE_AZURE_CLIENT_ID: clientId,
        MORTISE_AZURE_CLIENT_SECRET_FILE: secretFile,
        MORTISE_AZURE_LOGIN_ADDRESS: `https://${fake.about.host}`,
        MORTISE_AZURE_ENDPOINT: `https://${fake.about.host}`,
        MORTISE_AZURE_CA_FILE: fake.about.caFile,
      },
      refuse: () => permit([]),
      admit: () => permit(['get', 'wrapKey', 'unwrapKey', 'sign']),
      rotate: () => fake.tell('rotate', { key: 'mortise' }),
      decrypt: 'unwrapKey',
    }
  },
  'gcp-kms': async () => {
    const fake = await CloudFake.start('gcp-kms')
    const key = 'projects/contoso/locations/europe-west3/keyRings/mortise/cryptoKeys/production'
    await fake.tell('key', { key })
    const permit = (permitted: readonly string[]) => fake.tell('permit', { key, permitted })
    return {
      fake,
      uri: `gcp-kms:${key}`,
      env: {
        MORTISE_GCP_CREDENTIALS_FILE: await serviceAccountFile(fake),
        MORTISE_GCP_KMS_ENDPOINT: `https://${fake.about.host}`,
        MORTISE_GCP_CA_FILE: fake.about.caFile,
      },
      refuse: () => permit([]),
      admit: () => permit(['useToEncrypt', 'useToDecrypt']),
      rotate: () => fake.tell('rotate', { key }),
      decrypt: 'decrypt',
    }
  },
}
