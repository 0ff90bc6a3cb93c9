// Puts our token on every call of Azure Key Vault and Managed HSM, and reads their refusals.

import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { BearerLogin, BearerGrant, BearerQuestion } from '../clouds/bearer-login.ts'
import type { CloudRefusal } from '../clouds/error.ts'
import type { CloudHttp } from '../clouds/http.ts'
import { signedJwt } from '../clouds/jwt.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import type { HttpAnswer } from '../https/exchange.ts'
import { parseJson } from '../https/secret-json.ts'

interface AzureApiOptions {
  readonly title: string
  readonly login: BearerLogin
  /** The directory (tenant) from which our token comes. undefined: that of the machine's managed identity. */
  readonly tenantId: string | undefined
}

export class AzureApi implements CloudApi {
  readonly #options: AzureApiOptions

  constructor(options: AzureApiOptions) {
    this.#options = options
  }

  authorize(call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>> {
    return this.#options.login.authorize(call, leftMs)
  }

  renewAccess(shown: Readonly<Record<string, string>>): boolean {
    return this.#options.login.refuse(shown)
  }

  readRefusal(call: CloudCall, { status, headers, body }: HttpAnswer): CloudRefusal | undefined {
    const read = status < 400 ? undefined : readAzureRefusal(body)
    if (!read) return undefined
    const { code } = read
    const id = this.requestIdOf(headers)
    const words = read.message === '' ? code : `${code}: ${read.message}`
    const said = `${this.#options.title} refuses to ${call.name} (${words})${id === undefined ? '' : `; request ${id}`}`
    if (status === 408 || status === 429 || status >= 500)
      return {
        reach: 'unreachable',
        code,
        message: `${said}: it cannot answer at the moment`,
        transient: true,
      }
    // The firewall of the vault, or its private endpoint, refused the call: the network is at fault, and the access still counts.
    if (code === 'ForbiddenByFirewall' || code === 'ForbiddenByConnection')
      return {
        reach: 'unreachable',
        code,
        message: `${said}. Permit the address of this machine in the vault's network`,
      }
    if (code === 'KeyExpired' || code === 'KeyNotYetValid')
      return { reach: 'root-key', code, message: `${said}. Change the dates of this version, or remove them` }
    if (aboutKey.has(code) || status === 404 || status === 409 || status === 410)
      return { reach: 'root-key', code, message: said }
    if (status === 401 || status === 403) {
      const message = `${said}${this.#tenantAdvice(headers)}. See docs/root-key-azure.md`
      return { reach: 'root-key', code, message, access: true }
    }
    return {
      reach: 'wrapped-form',
      code,
      message: said,
      altered: call.name === 'unwrapKey' && status === 400,
    }
  }

  requestIdOf(headers: IncomingHttpHeaders): string | undefined {
    const id = headers['x-ms-request-id']
    return typeof id === 'string' && /^[\w-]{1,100}$/.test(id) ? id : undefined
  }

  /**
   * The challenge of a vault names the directory that the vault trusts. The error shows that name where it is not the configured one.
   * Mortise does not log in there by itself: only the configuration says where Mortise logs in.
   */
  #tenantAdvice(headers: IncomingHttpHeaders): string {
    const [, directory] =
      /authorization(?:_uri)?="https:\/\/[^/"]+\/([\w.-]+)"/.exec(headers['www-authenticate'] ?? '') ?? []
    const { tenantId } = this.#options
    if (directory === undefined || directory.toLowerCase() === tenantId?.toLowerCase()) return ''
    return tenantId === undefined
      ? ''
      : `. It believes the directory ${directory}, and azure.tenantId is ${tenantId}`
  }
}

const aboutKey = new Set([
  'KeyDisabled',
  'KeyNotFound',
  'KeyOperationForbidden',
  'ObjectIsDeletedButRecoverable',
])

// ---------------------------------------------------------------- Login

// How Mortise gets a token of Microsoft Entra ID: by a client secret, a certificate or a token of another issuer, as an application;
// or from the machine's metadata service (IMDS), as a managed identity.

/** Mortise reads the credential for each token, so that its file may be replaced at any time. */
export type AzureAccess =
  | {
      readonly method: 'client-secret' | 'certificate' | 'federated-token'
      readonly tenantId: string
      readonly clientId: string
      /** The secret; the certificate with its private key, in PEM; or the token. Rejects with RootKeyError. */
      readonly readCredential: () => Promise<string>
    }
  /** `clientId` names a user-assigned identity. undefined: the machine's own identity. */
  | { readonly method: 'managed-identity'; readonly clientId: string | undefined }

interface AzureGrantOptions {
  readonly access: AzureAccess
  /** The service for which the token is to be valid: https://vault.azure.net, for example. */
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
    // The metadata service takes no credential: it knows the machine by its network address. This text only names the identity.
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

/** The life of an assertion. Microsoft accepts assertions that live up to ten minutes; five are enough. */
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

// ---------------------------------------------------------------- Answers

// The answers of Azure Key Vault and Managed HSM, as schemas: no other file reads the fields of their JSON.

/** The version at the end of a key version's identifier. */
const kid = z
  .string()
  .transform((text) => /\/keys\/[^/]+\/([0-9a-f]{32})$/i.exec(text)?.[1] ?? '')
  .pipe(z.string().min(1))

const described = z.object({
  key: z.object({ kid, kty: z.string(), key_ops: z.array(z.string()).catch([]) }),
  attributes: z.object({ enabled: z.boolean(), exp: z.number().optional(), nbf: z.number().optional() }),
})

export interface AzureKeyVersion {
  readonly version: string
  readonly type: string
  readonly operations: readonly string[]
  readonly enabled: boolean
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresMs: number | undefined
}

/** undefined: the answer is not about a key. */
export function readKeyVersion(json: unknown): AzureKeyVersion | undefined {
  const read = described.safeParse(json).data
  if (!read) return undefined
  const { key, attributes } = read
  const expiresMs = attributes.exp === undefined ? undefined : attributes.exp * 1000
  return { version: key.kid, type: key.kty, operations: key.key_ops, enabled: attributes.enabled, expiresMs }
}

const wrapped = z.object({ kid, value: z.string().regex(/^[\w-]+$/) })

/** undefined: the answer has no wrapped key. */
export function readWrapped(json: unknown): { readonly version: string; readonly value: string } | undefined {
  const read = wrapped.safeParse(json).data
  return read && { version: read.kid, value: read.value }
}

const words = z
  .string()
  .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
  .catch('')
const inner = z.object({ code: z.string() }).optional().catch(undefined)
const refusal = z.object({
  error: z.object({ code: z.string(), message: words, innererror: inner, innerError: inner }),
})

/** The code of a refusal, the inner one where there is one, and the words. undefined: Azure did not write this answer. */
function readAzureRefusal(body: Buffer): { readonly code: string; readonly message: string } | undefined {
  const error = refusal.safeParse(parseJson(body)).data?.error
  const code = error && (error.innererror?.code ?? error.innerError?.code ?? error.code)
  return error && { code: (code ?? '').slice(0, 100), message: error.message }
}
