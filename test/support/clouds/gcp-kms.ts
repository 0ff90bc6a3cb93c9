// Google Cloud: tokens of its authorization server and of the metadata server, encrypt and decrypt of symmetric keys of Cloud KMS, as
// far as Mortise uses them. Codes and words are those of Google's reference and of what people quote of its answers.

import { createCipheriv, createDecipheriv, createPublicKey, randomBytes } from 'node:crypto'
import { readJwt } from './jwt.ts'
import type { CloudReply, CloudRequest, FakeService } from './service.ts'

interface Version {
  readonly material: Buffer
  state: string
}

interface Key {
  readonly versions: Version[]
  readonly purpose: string
  /** What our service account may do with it. */
  permitted: readonly string[]
  /** What is wrong with the external key manager that has the key: an error domain of Google's page "Cloud EKM error reference". */
  trouble?: string | undefined
}

class Refused extends Error {
  readonly status: number
  readonly code: string
  /** The types of its violations. */
  readonly violations: readonly string[]
  constructor(status: number, code: string, message: string, violations: readonly string[] = []) {
    super(message)
    this.status = status
    this.code = code
    this.violations = violations
  }
}

const rights: Readonly<Record<string, string>> = { encrypt: 'useToEncrypt', decrypt: 'useToDecrypt' }

export class GcpKmsService implements FakeService {
  readonly #keys = new Map<string, Key>()
  /** Public keys in PEM, by e-mail address. */
  readonly #accounts = new Map<string, string>()
  readonly #tokens = new Map<string, number>()
  #hasAccount = true
  /** How many answers and questions are damaged on their way. */
  #damaged = { answers: 0, questions: 0 }

  nameOf({ url }: CloudRequest): string {
    if (url.pathname === '/token') return 'login'
    return url.pathname.slice(url.pathname.lastIndexOf(':') + 1)
  }

  trouble(status: number): CloudReply {
    const troubles: Record<number, [string, string]> = {
      429: [
        'RESOURCE_EXHAUSTED',
        "Quota exceeded for quota metric 'Cryptographic requests' and limit 'Cryptographic requests per minute' of service 'cloudkms.googleapis.com' for consumer 'project_number:1'.",
      ],
      503: ['UNAVAILABLE', 'The service is currently unavailable.'],
    }
    const [code, message] = troubles[status] ?? ['INTERNAL', 'Internal error encountered.']
    return replyOf(new Refused(status, code, message))
  }

  answer(request: CloudRequest, nowMs: number): CloudReply {
    const { pathname } = request.url
    if (pathname === '/token') return this.#login(request, nowMs)
    if (pathname.startsWith('/computeMetadata/')) return this.#metadata(request, nowMs)
    try {
      this.#authenticate(request, nowMs)
      return { status: 200, body: this.#act(request) }
    } catch (error) {
      if (error instanceof Refused) return replyOf(error)
      throw error
    }
  }

  #act({ url, body }: CloudRequest): object {
    const [, name = '', act = ''] = /^\/v1\/(.+):(\w+)$/.exec(decodeURIComponent(url.pathname)) ?? []
    const key = this.#keys.get(name)
    const right = rights[act] ?? act
    if (!key?.permitted.includes(right))
      throw new Refused(
        403,
        'PERMISSION_DENIED',
        `Permission 'cloudkms.cryptoKeyVersions.${right}' denied on resource '${name}' (or it may not exist).`,
      )
    if (key.purpose !== 'ENCRYPT_DECRYPT')
      throw new Refused(
        400,
        'FAILED_PRECONDITION',
        `${name} has purpose ${key.purpose}, which does not permit ${act}.`,
      )
    if (key.trouble !== undefined)
      throw new Refused(
        400,
        'FAILED_PRECONDITION',
        `Trouble with the key https://ekm.example/v0/keys/1: ${key.trouble}.`,
        ['KEY_ENABLED', key.trouble],
      )
    const given = JSON.parse(body.toString()) as Record<string, string>
    if (this.#damaged.questions > 0) {
      this.#damaged.questions--
      throw new Refused(
        400,
        'INVALID_ARGUMENT',
        'The checksum in field plaintext_crc32c did not match the data in field plaintext.',
      )
    }
    const data = checked(given, 'additionalAuthenticatedData')
    return act === 'encrypt'
      ? this.#encrypt(name, key, checked(given, 'plaintext'), data)
      : this.#decrypt(name, key, checked(given, 'ciphertext'), data)
  }

  #encrypt(name: string, { versions }: Key, plaintext: Buffer, data: Buffer): object {
    const number = versions.length
    const version = usable(`${name}/cryptoKeyVersions/${number}`, versions.at(-1))
    if (plaintext.length > 64 * 1024)
      throw new Refused(400, 'INVALID_ARGUMENT', 'The plaintext is too large.')
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', version.material, iv).setAAD(data)
    const sealed = Buffer.concat([
      Buffer.of(number),
      iv,
      cipher.update(plaintext),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    return {
      name: `${name}/cryptoKeyVersions/${number}`,
      ciphertext: sealed.toString('base64'),
      ciphertextCrc32c: `${this.#sum(sealed)}`,
      verifiedPlaintextCrc32c: true,
      verifiedAdditionalAuthenticatedDataCrc32c: true,
      protectionLevel: 'HSM',
    }
  }

  #decrypt(name: string, { versions }: Key, sealed: Buffer, data: Buffer): object {
    const number = sealed[0] ?? 0
    const version = versions[number - 1]
    const foreign = new Refused(
      400,
      'INVALID_ARGUMENT',
      "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
    )
    if (!version) throw foreign
    usable(`${name}/cryptoKeyVersions/${number}`, version)
    try {
      const decipher = createDecipheriv('aes-256-gcm', version.material, sealed.subarray(1, 13))
      decipher.setAAD(data).setAuthTag(sealed.subarray(-16))
      const plaintext = Buffer.concat([decipher.update(sealed.subarray(13, -16)), decipher.final()])
      const usedPrimary = number === versions.length
      return {
        plaintext: plaintext.toString('base64'),
        plaintextCrc32c: `${this.#sum(plaintext)}`,
        usedPrimary,
        protectionLevel: 'HSM',
      }
    } catch {
      throw foreign
    }
  }

  #sum(bytes: Buffer): number {
    const sum = castagnoli(bytes)
    if (this.#damaged.answers === 0) return sum
    this.#damaged.answers--
    return (sum ^ 1) >>> 0
  }

  #authenticate({ headers }: CloudRequest, nowMs: number): void {
    const [, bearer = ''] = /^Bearer (.+)$/.exec(headers['authorization'] ?? '') ?? []
    if ((this.#tokens.get(bearer) ?? 0) > nowMs) return
    throw new Refused(
      401,
      'UNAUTHENTICATED',
      'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    )
  }

  #login({ url, headers, body }: CloudRequest, nowMs: number): CloudReply {
    const form = new URLSearchParams(body.toString())
    const { head, claims, isSignedBy } = readJwt(form.get('assertion') ?? '')
    const pem = this.#accounts.get(String(claims['iss']))
    const now = nowMs / 1000
    const [iat, exp] = [Number(claims['iat']), Number(claims['exp'])]
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
      return denied('unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type')}`)
    if (pem === undefined) return denied('invalid_grant', 'Invalid grant: account not found')
    if (iat > now + 300 || exp < now || exp - iat > 3600)
      return denied(
        'invalid_grant',
        'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.',
      )
    if (head['alg'] !== 'RS256' || !isSignedBy(createPublicKey(pem), 'RS256'))
      return denied('invalid_grant', 'Invalid JWT Signature.')
    if (claims['aud'] !== `https://${headers['host']}${url.pathname}`)
      return denied('invalid_grant', 'Invalid JWT: Failed audience check.')
    if (!/^https:\/\/www\.googleapis\.com\/auth\/(cloudkms|cloud-platform)$/.test(String(claims['scope'])))
      return denied('invalid_scope', 'Invalid OAuth scope or ID token audience provided.')
    return { status: 200, body: this.#issue(nowMs) }
  }

  #metadata({ headers }: CloudRequest, nowMs: number): CloudReply {
    if (headers['metadata-flavor'] !== 'Google')
      return { status: 403, body: 'Missing Metadata-Flavor:Google header.' }
    // A page in HTML, there.
    if (!this.#hasAccount) return { status: 404, body: 'Error 404 (Not Found)' }
    return { status: 200, body: this.#issue(nowMs) }
  }

  #issue(nowMs: number): object {
    const access_token = `ya29.${randomBytes(100).toString('base64url')}`
    this.#tokens.set(access_token, nowMs + 3599_000)
    return { access_token, expires_in: 3599, token_type: 'Bearer' }
  }

  command(name: string, body: Readonly<Record<string, unknown>>): unknown {
    const keyName = String(body['key'])
    const key = this.#keys.get(keyName)
    switch (name) {
      case 'key': {
        const { purpose = 'ENCRYPT_DECRYPT' } = body as { readonly purpose?: string }
        this.#keys.set(keyName, { versions: [newVersion()], purpose, permitted: Object.values(rights) })
        return null
      }
      case 'rotate':
        return key?.versions.push(newVersion())
      case 'state': {
        const version = key?.versions[Number(body['version'] ?? key.versions.length) - 1]
        if (version) version.state = String(body['state'])
        return null
      }
      case 'trouble':
        if (key) key.trouble = body['domain'] as string | undefined
        return null
      case 'permit':
        if (key) key.permitted = body['permitted'] as readonly string[]
        return null
      case 'account':
        this.#accounts.set(String(body['email']), String(body['publicKey']))
        return null
      case 'revoke-tokens':
        return this.#tokens.clear()
      case 'behave':
        this.#hasAccount = body['hasAccount'] !== false
        this.#damaged = {
          answers: Number(body['damagedAnswers'] ?? 0),
          questions: Number(body['damagedQuestions'] ?? 0),
        }
        return null
      default:
        throw new Error(`no such command: ${name}`)
    }
  }
}

function newVersion(): Version {
  return { material: randomBytes(32), state: 'ENABLED' }
}

function usable(name: string, version: Version | undefined): Version {
  if (version?.state === 'ENABLED') return version
  throw new Refused(
    400,
    'FAILED_PRECONDITION',
    `${name} is not enabled, current state is: ${version?.state ?? 'DESTROYED'}.`,
  )
}

/** The bytes of a field, whose checksum beside it must fit. */
function checked(given: Readonly<Record<string, string>>, field: string): Buffer {
  const bytes = Buffer.from(given[field] ?? '', 'base64')
  if (given[`${field}Crc32c`] === `${castagnoli(bytes)}`) return bytes
  throw new Refused(
    400,
    'INVALID_ARGUMENT',
    `The checksum in field ${field}_crc32c did not match the data in field ${field}.`,
  )
}

/** CRC-32C bit by bit, by its polynomial: Mortise's own is not asked. */
function castagnoli(bytes: Buffer): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (0x82f63b78 & -(sum & 1))
  }
  return ~sum >>> 0
}

function denied(error: string, error_description: string): CloudReply {
  return { status: 400, body: { error, error_description } }
}

function replyOf({ status, code, message, violations }: Refused): CloudReply {
  const details = [
    {
      '@type': 'type.googleapis.com/google.rpc.PreconditionFailure',
      violations: violations.map((type) => ({ type, subject: '', description: message })),
    },
  ]
  const error = { code: status, message, status: code, ...(violations.length > 0 && { details }) }
  return { status, body: { error } }
}
