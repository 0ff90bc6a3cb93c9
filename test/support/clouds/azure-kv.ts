// Azure: tokens of Microsoft Entra ID and of the metadata service (IMDS), and keys of a Key Vault or a Managed HSM, as far as Mortise
// uses them. Codes and words are those of Microsoft's reference and of what people quote of its answers.

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  generateKeyPairSync,
  privateDecrypt,
  privateEncrypt,
  publicEncrypt,
  randomBytes,
  randomUUID,
  X509Certificate,
  type KeyObject,
} from 'node:crypto'
import { readJwt } from './jwt.ts'
import type { CloudReply, CloudRequest, FakeService } from './service.ts'

interface Version {
  readonly id: string
  readonly pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined
  readonly aes: Buffer
  enabled: boolean
  /** Seconds since 1970. */
  exp?: number | undefined
}

interface Key {
  readonly type: string
  operations: readonly string[]
  /** What our application may do with it. */
  permitted: readonly string[]
  readonly versions: Version[]
}

interface Application {
  readonly secret?: string
  readonly certificate?: string
  readonly federatedToken?: string
}

class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly inner: string | undefined
  constructor(status: number, code: string, message: string, inner?: string) {
    super(message)
    this.status = status
    this.code = code
    this.inner = inner
  }
}

export const azureTenant = '5e2c3f0a-0f5e-4bb6-9d0a-0a1b2c3d4e5f'
const all = ['get', 'wrapKey', 'unwrapKey', 'sign']
const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }

export class AzureKvService implements FakeService {
  readonly #keys = new Map<string, Key>()
  readonly #applications = new Map<string, Application>()
  readonly #tokens = new Map<string, { readonly resource: string; readonly endsMs: number }>()
  #resource = 'https://vault.azure.net'
  /** The directory that the vault believes. */
  #tenant = azureTenant
  #hasIdentity = true
  /** The metadata service answers with this status, while it is updated. */
  #updating: number | undefined
  #seconds = 3599
  #firewall = false

  nameOf({ url }: CloudRequest): string {
    if (url.pathname.endsWith('/token')) return 'login'
    const [, , , , act = 'get'] = url.pathname.split('/')
    return { wrapkey: 'wrapKey', unwrapkey: 'unwrapKey' }[act] ?? act
  }

  trouble(status: number): CloudReply {
    const troubles: Record<number, [string, string]> = {
      429: [
        'Throttled',
        'Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached',
      ],
      503: ['ServiceUnavailable', 'The service is temporarily unavailable.'],
    }
    const [code, message] = troubles[status] ?? ['InternalServerError', 'An internal error has occurred.']
    return replyOf(new Refused(status, code, message))
  }

  answer(request: CloudRequest, nowMs: number): CloudReply {
    const { pathname } = request.url
    if (pathname === '/metadata/identity/oauth2/token') return this.#metadata(request, nowMs)
    if (pathname.endsWith('/oauth2/v2.0/token')) return this.#login(request, nowMs)
    try {
      const challenge = this.#challenge(request, nowMs)
      if (challenge) return challenge
      return { status: 200, body: this.#act(request, nowMs), headers: { 'x-ms-request-id': randomUUID() } }
    } catch (error) {
      if (error instanceof Refused) return replyOf(error)
      throw error
    }
  }

  #act({ url, method, body }: CloudRequest, nowMs: number): object {
    if (url.searchParams.get('api-version') !== '7.4')
      throw new Refused(400, 'BadParameter', 'The specified version is not recognized.')
    if (this.#firewall)
      throw new Refused(
        403,
        'Forbidden',
        'Client address is not authorized and caller is not a trusted service.\r\nClient address: 127.0.0.1',
        'ForbiddenByFirewall',
      )
    const [, , name = '', id, act = 'get'] = url.pathname.split('/')
    const operation = { wrapkey: 'wrapKey', unwrapkey: 'unwrapKey' }[act] ?? act
    const key = this.#keys.get(name)
    if (key && !key.permitted.includes(operation))
      throw new Refused(
        403,
        'Forbidden',
        `Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nAction: 'Microsoft.KeyVault/vaults/keys/${operation.replace('Key', '')}/action'`,
        'ForbiddenByRbac',
      )
    const version = id === undefined ? key?.versions.at(-1) : key?.versions.find((one) => one.id === id)
    if (!key || !version)
      throw new Refused(
        404,
        'KeyNotFound',
        `A key with (name/id) ${name} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command.`,
      )
    const kid = `https://fake.vault.azure.net/keys/${name}/${version.id}`
    if (method === 'GET') return describe(key, version, kid)
    this.#mayUse(operation, key, version, nowMs)
    const { alg, value } = JSON.parse(body.toString()) as { readonly alg: string; readonly value: string }
    return {
      kid,
      value: compute(operation, alg, version, Buffer.from(value, 'base64url')).toString('base64url'),
    }
  }

  /** By Microsoft's page on dates: an expired key still unwraps. A disabled one still wraps, as people have measured. */
  #mayUse(operation: string, key: Key, version: Version, nowMs: number): void {
    if (!key.operations.includes(operation))
      throw new Refused(
        403,
        'Forbidden',
        `Operation ${operation} is not permitted on this key.`,
        'KeyOperationForbidden',
      )
    if (!version.enabled && operation !== 'wrapKey')
      throw new Refused(
        403,
        'Forbidden',
        `Operation ${operation} is not allowed on a disabled key.`,
        'KeyDisabled',
      )
    if (version.exp !== undefined && version.exp * 1000 <= nowMs && operation !== 'unwrapKey')
      throw new Refused(
        403,
        'Forbidden',
        `Operation ${operation} is not allowed on an expired key.`,
        'KeyExpired',
      )
  }

  /** undefined: the token is good. */
  #challenge({ headers }: CloudRequest, nowMs: number): CloudReply | undefined {
    const [, bearer] = /^Bearer (.+)$/.exec(headers['authorization'] ?? '') ?? []
    const token = this.#tokens.get(bearer ?? '')
    const message =
      bearer === undefined
        ? 'AKV10000: Request is missing a Bearer or PoP token.'
        : !token
          ? "[TokenInvalid] Error validating token: 'S2S12005'."
          : token.endsMs <= nowMs
            ? "[TokenExpired] Error validating token: 'S2S12086'."
            : token.resource !== this.#resource
              ? `AKV10022: Invalid audience. Expected ${this.#resource}, found: ${token.resource}.`
              : this.#tenant !== azureTenant
                ? `AKV10032: Invalid issuer. Expected one of https://sts.windows.net/${this.#tenant}/, found https://sts.windows.net/${azureTenant}/.`
                : undefined
    if (message === undefined) return undefined
    const challenge = `Bearer authorization="https://login.microsoftonline.com/${this.#tenant}", resource="${this.#resource}"`
    return {
      status: 401,
      body: { error: { code: 'Unauthorized', message } },
      headers: { 'WWW-Authenticate': challenge },
    }
  }

  #login({ url, body, headers }: CloudRequest, nowMs: number): CloudReply {
    const form = new URLSearchParams(body.toString())
    const [, tenant = ''] = url.pathname.split('/')
    const clientId = form.get('client_id') ?? ''
    const application = this.#applications.get(clientId)
    if (
      headers['content-type'] !== 'application/x-www-form-urlencoded' ||
      form.get('grant_type') !== 'client_credentials'
    )
      return denied(
        400,
        'invalid_request',
        "AADSTS900144: The request body must contain the following parameter: 'grant_type'.",
      )
    if (tenant !== azureTenant)
      return denied(400, 'invalid_request', `AADSTS90002: Tenant '${tenant}' not found.`)
    if (!application)
      return denied(
        400,
        'unauthorized_client',
        `AADSTS700016: Application with identifier '${clientId}' was not found in the directory 'Contoso'.`,
      )
    const why = whyNot(application, form, {
      clientId,
      audience: `https://${headers['host']}${url.pathname}`,
      nowMs,
    })
    if (why !== undefined) return denied(401, 'invalid_client', why)
    const [resource = ''] = (form.get('scope') ?? '').split('/.default')
    return {
      status: 200,
      body: { token_type: 'Bearer', ext_expires_in: this.#seconds, ...this.#issue(resource, nowMs) },
    }
  }

  #metadata({ url, headers }: CloudRequest, nowMs: number): CloudReply {
    if (headers['metadata'] !== 'true' || url.searchParams.get('api-version') !== '2018-02-01')
      return denied(400, 'invalid_request', 'Required metadata header not specified')
    if (this.#updating !== undefined) return denied(this.#updating, 'not_available', 'It is being updated')
    if (!this.#hasIdentity) return denied(400, 'invalid_request', 'Identity not found')
    const resource = url.searchParams.get('resource') ?? ''
    const { access_token, expires_in } = this.#issue(resource, nowMs)
    return {
      status: 200,
      body: { access_token, expires_in: `${expires_in}`, resource, token_type: 'Bearer' },
    }
  }

  #issue(resource: string, nowMs: number): { readonly access_token: string; readonly expires_in: number } {
    const access_token = randomBytes(300).toString('base64url')
    this.#tokens.set(access_token, { resource, endsMs: nowMs + this.#seconds * 1000 })
    return { access_token, expires_in: this.#seconds }
  }

  command(name: string, body: Readonly<Record<string, unknown>>): unknown {
    const keyName = String(body['key'])
    const key = this.#keys.get(keyName)
    const versions = key?.versions ?? []
    switch (name) {
      case 'key': {
        const { type = 'RSA' } = body as { readonly type?: string }
        const operations = (body['operations'] as readonly string[] | undefined) ?? [
          ...all,
          'verify',
          'encrypt',
          'decrypt',
        ]
        this.#keys.set(keyName, { type, operations, permitted: all, versions: [newVersion(type)] })
        return null
      }
      case 'rotate':
        return key?.versions.push(newVersion(key.type))
      case 'change':
        for (const version of body['version'] === 'first' ? versions.slice(0, 1) : versions) {
          version.enabled = body['enabled'] !== false
          version.exp = body['exp'] as number | undefined
        }
        return null
      case 'permit':
        if (key) key.permitted = body['permitted'] as readonly string[]
        return null
      case 'public-key':
        return { ...versions.at(-1)?.pair?.publicKey.export({ format: 'jwk' }), version: versions.at(-1)?.id }
      case 'signature': {
        const pair = versions.at(-1)?.pair
        const digest = createHash('sha256')
          .update('mortise: who can sign this can seal with this key\n')
          .digest()
        return pair && signDigest(pair.privateKey, digest).toString('base64url')
      }
      case 'delete-key':
        return this.#keys.delete(keyName)
      case 'application':
        this.#applications.set(String(body['id']), body)
        return null
      case 'revoke-tokens':
        return this.#tokens.clear()
      case 'behave':
        this.#resource = (body['resource'] as string | undefined) ?? 'https://vault.azure.net'
        this.#tenant = (body['tenant'] as string | undefined) ?? azureTenant
        this.#hasIdentity = body['hasIdentity'] !== false
        this.#updating = body['updating'] as number | undefined
        this.#seconds = Number(body['seconds'] ?? 3599)
        this.#firewall = body['firewall'] === true
        return null
      default:
        throw new Error(`no such command: ${name}`)
    }
  }
}

function newVersion(type: string): Version {
  const pair = type.startsWith('RSA') ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : undefined
  return { id: randomBytes(16).toString('hex'), pair, aes: randomBytes(32), enabled: true }
}

function describe(key: Key, { enabled, exp, pair }: Version, kid: string): object {
  const jwk = pair?.publicKey.export({ format: 'jwk' })
  const times = { created: 1_700_000_000, updated: 1_700_000_000, ...(exp !== undefined && { exp }) }
  return {
    key: { kid, kty: key.type, key_ops: key.operations, ...(jwk && { n: jwk.n, e: jwk.e }) },
    attributes: { enabled, ...times, recoveryLevel: 'Recoverable+Purgeable', recoverableDays: 90 },
  }
}

function compute(operation: string, alg: string, { pair, aes }: Version, value: Buffer): Buffer {
  const bad = () => new Refused(400, 'BadParameter', 'The parameter is incorrect.')
  try {
    if (pair && alg === 'RSA-OAEP-256' && operation === 'wrapKey')
      return publicEncrypt({ key: pair.publicKey, ...oaep }, value)
    if (pair && alg === 'RSA-OAEP-256' && operation === 'unwrapKey')
      return privateDecrypt({ key: pair.privateKey, ...oaep }, value)
    if (pair && alg === 'RS256' && operation === 'sign') return signDigest(pair.privateKey, value)
    const iv = Buffer.alloc(8, 0xa6)
    if (!pair && alg === 'A256KW' && operation === 'wrapKey')
      return createCipheriv('id-aes256-wrap', aes, iv).update(value)
    if (!pair && alg === 'A256KW' && operation === 'unwrapKey') {
      const opened = createDecipheriv('id-aes256-wrap', aes, iv).update(value)
      if (opened.length === 0) throw bad()
      return opened
    }
  } catch {
    throw bad()
  }
  throw new Refused(400, 'BadParameter', `Key and signing key or algorithm ${alg} are not compatible.`)
}

/** Azure signs the digest that it is given: PKCS#1 1.5 over its DER form (RFC 8017 §9.2). */
function signDigest(key: KeyObject, digest: Buffer): Buffer {
  if (digest.length !== 32) throw new Error('no SHA-256')
  const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex')
  return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.concat([prefix, digest]))
}

/** What is wrong with what an application shows; undefined: nothing. */
function whyNot(
  { secret, certificate, federatedToken }: Application,
  form: URLSearchParams,
  {
    clientId,
    audience,
    nowMs,
  }: { readonly clientId: string; readonly audience: string; readonly nowMs: number },
): string | undefined {
  const assertion = form.get('client_assertion')
  if (assertion === null)
    return form.get('client_secret') === secret && secret !== undefined
      ? undefined
      : `AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`
  if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    return 'AADSTS50027: Invalid JWT token.'
  if (certificate === undefined)
    return assertion === federatedToken
      ? undefined
      : 'AADSTS700213: No matching federated identity record found for presented assertion.'
  const jwt = readJwt(assertion)
  const known = new X509Certificate(certificate)
  const thumbprint = createHash('sha256').update(known.raw).digest('base64url')
  const { alg, 'x5t#S256': shown } = jwt.head
  if (alg !== 'PS256' || shown !== thumbprint || !jwt.isSignedBy(known.publicKey, 'PS256'))
    return 'AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application.'
  const { aud, iss, sub, nbf, exp, jti } = jwt.claims
  if (aud !== audience || iss !== clientId || sub !== clientId || typeof jti !== 'string')
    return 'AADSTS50027: JWT token is invalid or malformed.'
  const now = nowMs / 1000
  if (Number(nbf) > now + 300 || Number(exp) < now || Number(exp) - Number(nbf) > 600)
    return 'AADSTS700024: Client assertion is not within its valid time range.'
  return undefined
}

function denied(status: number, error: string, error_description: string): CloudReply {
  const trace_id = randomUUID()
  const error_codes = [Number(/AADSTS(\d+)/.exec(error_description)?.[1] ?? 0)]
  return { status, body: { error, error_description, error_codes, trace_id, correlation_id: randomUUID() } }
}

function replyOf({ status, code, message, inner }: Refused): CloudReply {
  const innererror = inner === undefined ? {} : { innererror: { code: inner } }
  return {
    status,
    body: { error: { code, message, ...innererror } },
    headers: { 'x-ms-request-id': randomUUID() },
  }
}
