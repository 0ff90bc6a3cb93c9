// How Mortise gets a token of Microsoft Entra ID: by a client secret, a certificate or a token of another issuer, as an application;
// or from the machine's metadata service (IMDS), as a managed identity.

import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { BearerGrant, BearerQuestion } from '../clouds/bearer-login.ts'
import type { CloudHttp } from '../clouds/http.ts'
import { signedJwt } from '../clouds/jwt.ts'

/** Files are read for each token, so that they may be replaced at any time. They reject with RootKeyError. */
export type AzureAccess =
  | {
      readonly method: 'client-secret' | 'certificate' | 'federated-token'
      readonly tenantId: string
      readonly clientId: string
      /** The secret; the certificate with its private key, in PEM; or the token. */
      readonly readCredential: () => Promise<string>
    }
  /** `clientId`: of an identity that was assigned by name; undefined: that of the machine. */
  | { readonly method: 'managed-identity'; readonly clientId: string | undefined }

export interface AzureGrantOptions {
  readonly access: AzureAccess
  /** For which the token must be: https://vault.azure.net, for example. */
  readonly resource: string
  /** Entra ID, or the metadata service: the one that `access` asks, and its address. */
  readonly http: CloudHttp
  readonly address: URL
}

export function azureGrant({ access, resource, http, address }: AzureGrantOptions): BearerGrant {
  const cure = `${cures[access.method]}. See docs/root-key-azure.md`
  if (access.method === 'managed-identity') {
    const url = new URL('/metadata/identity/oauth2/token', address)
    const { clientId } = access
    const query = {
      'api-version': '2018-02-01',
      resource,
      ...(clientId !== undefined && { client_id: clientId }),
    }
    url.search = new URLSearchParams(query).toString()
    // Nothing is shown but the machine's own address.
    const readCredential = async () => `managed identity ${clientId ?? ''}`
    return { http, cure, readCredential, question: () => ({ url, headers: { Metadata: 'true' } }) }
  }
  const { tenantId, clientId, readCredential } = access
  const url = new URL(`/${tenantId}/oauth2/v2.0/token`, address)
  return {
    http,
    cure,
    readCredential,
    question: (credential, nowMs): BearerQuestion => ({
      url,
      form: {
        grant_type: 'client_credentials',
        client_id: clientId,
        scope: `${resource}/.default`,
        ...(access.method === 'client-secret'
          ? { client_secret: credential }
          : {
              client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
              client_assertion:
                access.method === 'certificate' ? assertion(credential, clientId, url, nowMs) : credential,
            }),
      },
    }),
  }
}

const cures = {
  'client-secret':
    'Look at azure.tenantId, azure.clientId and the secret in the file that azure.clientSecretFile names',
  certificate:
    'Look at azure.tenantId and azure.clientId, and whether the application has the certificate in the file that azure.clientCertificateFile names',
  'federated-token':
    'Look at azure.tenantId and azure.clientId, and at the federated credential of the application or identity',
  'managed-identity': 'Give this machine a managed identity, or look at azure.clientId',
}

/** Microsoft believes it for ten minutes; five are enough. */
const assertionSeconds = 300

function assertion(pem: string, clientId: string, { href: aud }: URL, nowMs: number): string {
  const now = Math.floor(nowMs / 1000)
  const claims = { aud, iss: clientId, sub: clientId, jti: randomUUID() }
  const times = { iat: now, nbf: now, exp: now + assertionSeconds }
  const { thumbprint, key } = readPair(pem)
  return signedJwt({ alg: 'PS256', 'x5t#S256': thumbprint }, { ...claims, ...times }, key)
}

function readPair(pem: string) {
  try {
    const { fingerprint256 } = new X509Certificate(pem)
    const thumbprint = Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== 'rsa') throw new Error('Entra ID takes RSA keys only')
    return { thumbprint, key }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new RootKeyError(
      'unreachable',
      `the file that azure.clientCertificateFile names must hold a certificate and its RSA private key without a passphrase, in PEM: ${why}`,
      { cause },
    )
  }
}
