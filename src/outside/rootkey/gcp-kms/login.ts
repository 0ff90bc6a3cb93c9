// How Mortise gets a token of Google: as a service account, by a key file of it (RFC 7523), or from the metadata server of the machine.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { BearerGrant } from '../clouds/bearer-login.ts'
import type { CloudHttp } from '../clouds/http.ts'
import { signedJwt } from '../clouds/jwt.ts'
import { readServiceAccount } from './answers.ts'

export type GcpAccess =
  /** The text of the key file, read for each token. Rejects with RootKeyError. */
  | { readonly method: 'service-account'; readonly readKeyFile: () => Promise<string> }
  | { readonly method: 'metadata-server' }

const scope = 'https://www.googleapis.com/auth/cloudkms'

/** `http`: to Google's authorization server, or to the metadata server at `metadataAddress`. */
export function gcpGrant(access: GcpAccess, http: CloudHttp, metadataAddress: string): BearerGrant {
  if (access.method === 'metadata-server') {
    const url = new URL('/computeMetadata/v1/instance/service-accounts/default/token', metadataAddress)
    return {
      http,
      cure: 'Give this machine a service account with the scope cloud-platform. See docs/root-key-gcp.md',
      // Nothing is shown but the machine's own address.
      readCredential: async () => 'metadata server',
      question: () => ({ url, headers: { 'Metadata-Flavor': 'Google' } }),
    }
  }
  return {
    http,
    cure: 'Make another key for the service account and put it into the file that gcp.credentialsFile names. See docs/root-key-gcp.md',
    readCredential: access.readKeyFile,
    question: (text, nowMs) => {
      const { email, privateKey, privateKeyId, tokenUri } = readKeyFile(text)
      const now = Math.floor(nowMs / 1000)
      // Google takes an hour and no more.
      const claims = { iss: email, scope, aud: tokenUri.href, iat: now, exp: now + 3600 }
      const assertion = signedJwt({ alg: 'RS256', kid: privateKeyId }, claims, privateKey)
      return { url: tokenUri, form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion } }
    },
  }
}

function readKeyFile(text: string) {
  const account = readServiceAccount(text)
  const privateKey = account && keyOf(account.privateKeyPem)
  if (account && privateKey) return { ...account, privateKey }
  throw new RootKeyError(
    'unreachable',
    'the file that gcp.credentialsFile names must be the key of a service account, as gcloud iam service-accounts keys create writes it',
  )
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'rsa' ? key : undefined
  } catch {
    return undefined
  }
}
