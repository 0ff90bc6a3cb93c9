// The configuration of a server whose people log in through the provider of a test.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { RealProvider } from './real-provider.ts'

export const clientSecret = 'a secret of the console'

/** Writes it, again too; the path of mortise.toml. */
export function writeConfig(
  folder: string,
  { issuer, caFile }: Pick<RealProvider, 'issuer' | 'caFile'>,
  roles: readonly string[],
  cliClientId = '',
  /** Other sections, in TOML. */
  more = '',
): string {
  const [file, secretFile] = [path.join(folder, 'mortise.toml'), path.join(folder, 'secret')]
  writeFileSync(secretFile, `${clientSecret}\n`)
  const options = {
    issuer,
    caFile,
    roles,
    cliClientId,
    name: 'Example',
    clientId: 'mortise',
    clientSecretFile: secretFile,
  }
  // A JSON text or list is one of TOML too.
  const lines = Object.entries(options).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
  writeFileSync(file, `[oidc]\n${lines.join('\n')}\n${more}`)
  return file
}

export const cliClient = {
  client_id: 'mortise-cli',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
} as const
