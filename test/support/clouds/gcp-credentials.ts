// Key files of service accounts of the fake of Google Cloud, as gcloud writes them.

import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { CloudFake } from './fake.ts'

/** A new service account with a key, known to the fake; the text of its key file. */
export async function serviceAccountKey(fake: CloudFake, name = 'mortise'): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const email = `${name}@contoso.iam.gserviceaccount.com`
  await fake.tell('account', { email, publicKey })
  return JSON.stringify({
    type: 'service_account',
    project_id: 'contoso',
    private_key_id: '0123456789abcdef0123456789abcdef01234567',
    private_key: privateKey,
    client_email: email,
    client_id: '100000000000000000000',
    token_uri: `https://${fake.about.host}/token`,
  })
}

export async function serviceAccountFile(fake: CloudFake): Promise<string> {
  const file = path.join(fake.folder, 'service-account.json')
  writeFileSync(file, await serviceAccountKey(fake), { mode: 0o600 })
  return file
}
