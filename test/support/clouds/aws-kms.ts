// AWS KMS: signatures of version 4, checked by AWS's description of them, and Encrypt, Decrypt and DescribeKey of symmetric keys, as
// far as Mortise uses them. Codes and words are those of AWS's API reference and of what people quote from it.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  randomUUID,
  timingSafeEqual,
} from 'node:crypto'
import type { CloudReply, CloudRequest, FakeService } from './service.ts'

interface Key {
  readonly id: string
  readonly arn: string
  state: string
  allowed: boolean
  readonly spec: string
  readonly usage: string
  /** It is in an external key store. */
  readonly isExternal?: boolean
  /** What that store says to each call. */
  trouble?: string
  readonly versions: Buffer[]
}

interface AccessKey {
  readonly secret: string
  readonly token: string | undefined
  readonly endsMs: number
}

class Refused extends Error {
  readonly code: string
  readonly status: number
  constructor(code: string, message = '', status = 400) {
    super(message)
    this.code = code
    this.status = status
  }
}

const region = 'eu-central-1'
const account = '111122223333'
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()

export class AwsKmsService implements FakeService {
  readonly #keys = new Map<string, Key>()
  readonly #aliases = new Map<string, string>()
  readonly #accessKeys = new Map<string, AccessKey>()

  nameOf({ headers }: CloudRequest): string {
    return (headers['x-amz-target'] ?? '').replace('TrentService.', '')
  }

  trouble(status: number): CloudReply {
    const troubles: Record<number, Refused> = {
      429: new Refused('ThrottlingException', 'Rate exceeded'),
      500: new Refused(
        'KMSInternalException',
        'The request was rejected because an internal exception occurred.',
        500,
      ),
      503: new Refused('DependencyTimeoutException', 'The system timed out.', 503),
    }
    return replyOf(troubles[status] ?? new Refused('ServiceUnavailable', '', status))
  }

  answer(request: CloudRequest, nowMs: number): CloudReply {
    try {
      this.#authenticate(request, nowMs)
      const name = this.nameOf(request)
      const given = JSON.parse(request.body.toString()) as Record<string, unknown>
      return { status: 200, body: this.#act(name, given), headers: { 'x-amzn-RequestId': randomUUID() } }
    } catch (error) {
      if (error instanceof Refused) return replyOf(error)
      throw error
    }
  }

  #act(name: string, given: Record<string, unknown>): object {
    const asked = String(given['KeyId'])
    const arn = this.#aliases.get(asked) ?? asked
    const key = this.#keys.get(arn)
    if (!key) throw new Refused('NotFoundException', `Key '${asked}' does not exist`)
    if (!key.allowed)
      throw new Refused(
        'AccessDeniedException',
        `User: arn:aws:iam::${account}:user/mortise is not authorized to perform: kms:${name} on resource: ${arn} because no identity-based policy allows the kms:${name} action`,
      )
    if (name === 'DescribeKey') {
      const { id, state, usage, spec } = key
      const about = {
        AWSAccountId: account,
        KeyId: id,
        Arn: arn,
        KeyState: state,
        KeyUsage: usage,
        KeySpec: spec,
      }
      return {
        KeyMetadata: { ...about, Enabled: state === 'Enabled', KeyManager: 'CUSTOMER', Origin: 'AWS_KMS' },
      }
    }
    if (key.state === 'Disabled') throw new Refused('DisabledException', `${arn} is disabled.`)
    if (key.state !== 'Enabled')
      throw new Refused('KMSInvalidStateException', `${arn} is ${wordsOf(key.state)}.`)
    if (key.trouble !== undefined) throw new Refused('KMSInvalidStateException', key.trouble)
    if (key.usage !== 'ENCRYPT_DECRYPT')
      throw new Refused(
        'InvalidKeyUsageException',
        `${arn} key usage is ${key.usage} which is not valid for ${name}.`,
      )
    const context = canonical(given['EncryptionContext'])
    if (name === 'Encrypt') {
      const plaintext = Buffer.from(String(given['Plaintext']), 'base64')
      if (plaintext.length === 0 || plaintext.length > 4096)
        throw new Refused('ValidationException', 'length must be less than or equal to 4096')
      return {
        CiphertextBlob: seal(key, plaintext, context).toString('base64'),
        KeyId: arn,
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      }
    }
    if (name !== 'Decrypt') throw new Refused('UnknownOperationException')
    const plaintext = this.#unseal(key, Buffer.from(String(given['CiphertextBlob']), 'base64'), context)
    return { KeyId: arn, Plaintext: plaintext.toString('base64'), EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' }
  }

  #unseal(key: Key, blob: Buffer, context: string): Buffer {
    const id = blob.subarray(0, 36).toString('latin1')
    if (id !== key.id && [...this.#keys.values()].some((other) => other.id === id))
      throw new Refused(
        'IncorrectKeyException',
        'The key ID in the request does not identify a CMK that can perform this operation.',
      )
    try {
      const material = key.versions[blob[36] ?? 0] ?? Buffer.alloc(0)
      const decipher = createDecipheriv('aes-256-gcm', material, blob.subarray(37, 49))
      decipher.setAAD(Buffer.from(context)).setAuthTag(blob.subarray(-16))
      return Buffer.concat([decipher.update(blob.subarray(49, -16)), decipher.final()])
    } catch {
      if (key.isExternal === true)
        throw new Refused(
          'KMSInvalidStateException',
          'The external key store proxy rejected the request because the specified ciphertext or additional authenticated data is corrupted, missing, or otherwise invalid.',
        )
      throw new Refused('InvalidCiphertextException')
    }
  }

  /** By AWS's "Create a signed AWS API request". */
  #authenticate({ method, url, headers, body }: CloudRequest, nowMs: number): void {
    const [, id = '', scope = '', names = '', signature = ''] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
        headers['authorization'] ?? '',
      ) ?? []
    if (id === '') throw new Refused('MissingAuthenticationToken', 'Missing Authentication Token')
    const accessKey = this.#accessKeys.get(id)
    if (!accessKey || accessKey.token !== headers['x-amz-security-token'])
      throw new Refused(
        'UnrecognizedClientException',
        'The security token included in the request is invalid.',
      )
    const signed = names.split(';')
    for (const needed of ['host', 'x-amz-date', 'x-amz-target'])
      if (!signed.includes(needed)) throw new Refused('IncompleteSignature', `${needed} must be signed`)
    const stamp = headers['x-amz-date'] ?? ''
    const time = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
    const lines = signed.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join('')
    const text = [method, url.pathname, url.search.slice(1), lines, names, sha256(body)].join('\n')
    const [day = '', where = '', service = ''] = scope.split('/')
    const toSign = ['AWS4-HMAC-SHA256', stamp, scope, sha256(text)].join('\n')
    const derived = hmac(hmac(hmac(hmac(`AWS4${accessKey.secret}`, day), where), service), 'aws4_request')
    const isRight = timingSafeEqual(hmac(derived, toSign), Buffer.from(signature, 'hex'))
    if (scope !== `${stamp.slice(0, 8)}/${region}/kms/aws4_request` || !isRight)
      throw new Refused(
        'InvalidSignatureException',
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      )
    if (Math.abs(Date.parse(time) - nowMs) > 300_000)
      throw new Refused(
        'InvalidSignatureException',
        `Signature expired: ${stamp} is now earlier than the time that is taken`,
      )
    if (accessKey.endsMs <= nowMs)
      throw new Refused('ExpiredTokenException', 'The security token included in the request is expired')
  }

  command(name: string, body: Readonly<Record<string, unknown>>, nowMs: number): unknown {
    const key = this.#keys.get(String(body['arn']))
    switch (name) {
      case 'key': {
        const id = randomUUID()
        const arn = `arn:aws:kms:${region}:${account}:key/${id}`
        const usual = { state: 'Enabled', allowed: true, spec: 'SYMMETRIC_DEFAULT', usage: 'ENCRYPT_DECRYPT' }
        this.#keys.set(arn, { ...usual, ...body, id, arn, versions: [randomBytes(32)] })
        return arn
      }
      case 'alias': {
        const alias = `arn:aws:kms:${region}:${account}:alias/${String(body['name'])}`
        this.#aliases.set(alias, String(body['arn']))
        return alias
      }
      case 'state':
        if (key) key.state = String(body['state'])
        return null
      case 'trouble':
        if (key && body['says'] === null) delete key.trouble
        else if (key) key.trouble = String(body['says'])
        return null
      case 'allow':
        if (key) key.allowed = body['allowed'] === true
        return null
      case 'rotate':
        return key?.versions.push(randomBytes(32))
      case 'delete-key':
        return this.#keys.delete(String(body['arn']))
      case 'access-key': {
        const seconds = Number(body['seconds'] ?? 0)
        const { token } = body as { readonly token?: string }
        const endsMs = seconds === 0 ? Infinity : nowMs + seconds * 1000
        this.#accessKeys.set(String(body['id']), { secret: String(body['secret']), token, endsMs })
        return null
      }
      case 'revoke':
        return this.#accessKeys.clear()
      default:
        throw new Error(`no such command: ${name}`)
    }
  }
}

function replyOf({ code, message, status }: Refused): CloudReply {
  const body = message === '' ? { __type: code } : { __type: code, message }
  return { status, body, headers: { 'x-amzn-RequestId': randomUUID() } }
}

/** PendingDeletion: pending deletion. */
function wordsOf(state: string): string {
  return state.replace(/(?<=.)[A-Z]/g, ' $&').toLowerCase()
}

function canonical(context: unknown): string {
  return JSON.stringify(Object.entries(context ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** The key's id, the number of its version, IV, ciphertext and tag. */
function seal({ id, versions }: Key, plaintext: Buffer, context: string): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? '', iv).setAAD(Buffer.from(context))
  const sealed = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat([Buffer.from(id), Buffer.of(versions.length - 1), iv, ...sealed])
}
