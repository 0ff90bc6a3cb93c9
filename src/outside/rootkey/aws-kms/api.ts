// Signs every call of AWS KMS with the credentials that AWS's chain finds, and reads its refusals.

import type { DefaultProviderInit } from '@aws-sdk/credential-provider-node'
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import { iamTokenFreshMs, rootKeyAnswerTimeoutMs } from '../bounds.ts'
import { CloudError, type CloudRefusal } from '../clouds/error.ts'
import { ServiceClock } from '../clouds/service-clock.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import type { HttpAnswer } from '../https/exchange.ts'
import { parseJson } from '../https/secret-json.ts'

interface AwsKmsApiOptions {
  readonly title: string
  readonly region: string
  readonly sdk: AwsSdk
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>
}

export class AwsKmsApi implements CloudApi {
  readonly #options: AwsKmsApiOptions
  readonly #serviceClock: ServiceClock
  /** How often Mortise corrected the clock or asked for new credentials. */
  #changes = 0
  /** By the headers of a call: the value of `#changes` before Mortise made them. */
  readonly #changesBefore = new WeakMap<Readonly<Record<string, string>>, number>()
  /** The new credentials, while Mortise waits for them. */
  #renewing: Promise<AwsCredentials> | undefined
  /** Monotonic milliseconds: when Mortise last asked for new credentials, because AWS had refused the old ones. */
  #renewedAt = -Infinity

  constructor(options: AwsKmsApiOptions) {
    this.#options = options
    this.#serviceClock = new ServiceClock(options.clock)
  }

  async authorize(call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>> {
    const { sdk, region } = this.#options
    const changes = this.#changes
    const credentials = await this.#credentials(leftMs)
    const { method, url, headers = {}, body = Buffer.alloc(0) } = call
    const at = new Date(this.#serviceClock.now())
    const signed = await sdk.sign({ method, url, headers, body }, { region, credentials, at })
    this.#changesBefore.set(signed, changes)
    return signed
  }

  renewAccess(shown: Readonly<Record<string, string>>): boolean {
    if ((this.#changesBefore.get(shown) ?? 0) < this.#changes) return true
    const now = this.#options.clock.monotonic()
    if (now - this.#renewedAt < iamTokenFreshMs) return false
    this.#renewedAt = now
    this.#changes++
    const renewing = this.#options.sdk.credentials({ forceRefresh: true })
    const end = () => {
      if (this.#renewing === renewing) this.#renewing = undefined
    }
    renewing.then(end, end)
    this.#renewing = renewing
    return true
  }

  readRefusal(call: CloudCall, { status, headers, body }: HttpAnswer): CloudRefusal | undefined {
    const read = status < 400 ? undefined : readAwsRefusal(body)
    if (!read) return undefined
    const { code } = read
    const id = this.requestIdOf(headers)
    const words = read.message === '' ? code : `${code}: ${read.message}`
    const message = `${this.#options.title} refuses to ${call.name} (${words})${id === undefined ? '' : `; request ${id}`}`
    if (status >= 500 || passing.has(code)) return { reach: 'unreachable', code, message, transient: true }
    if (aboutTime.has(code) && (this.#setClockRight(headers.date) || !aboutAccess.has(code)))
      return {
        reach: 'unreachable',
        code,
        message: `${message}. The clock of this machine is wrong`,
        access: true,
      }
    // The service that renews such credentials is out of reach. AWS has not withdrawn the access.
    if (code === 'ExpiredTokenException') return { reach: 'unreachable', code, message, access: true }
    if (aboutAccess.has(code) || status === 401 || status === 403)
      return { reach: 'root-key', code, message: `${message}. See docs/root-key-aws.md`, access: true }
    if (aboutKey.has(code)) return { reach: 'root-key', code, message }
    return { reach: 'wrapped-form', code, message, altered: aboutCiphertext.has(code) }
  }

  requestIdOf(headers: IncomingHttpHeaders): string | undefined {
    const id = headers['x-amzn-requestid']
    return typeof id === 'string' && /^[\w-]{1,100}$/.test(id) ? id : undefined
  }

  /** Corrects the clock by AWS's header Date. Returns whether the clock was wrong, so that AWS may accept a new signature. */
  #setClockRight(date: string | undefined): boolean {
    if (!this.#serviceClock.setRight(date)) return false
    this.#changes++
    return true
  }

  /** Waits for a bounded time: AWS's chain may ask other services, or run programs, that never answer. */
  async #credentials(leftMs: number): Promise<AwsCredentials> {
    const { sdk, clock, title } = this.#options
    const late = Promise.withResolvers<never>()
    const boundMs = Math.min(leftMs, rootKeyAnswerTimeoutMs)
    const timer = clock.after(boundMs, () => late.reject(new Error('they did not come in time')))
    try {
      return await Promise.race([this.#renewing ?? sdk.credentials({ forceRefresh: false }), late.promise])
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const about = { status: null, code: 'no credentials', transient: false, cause }
      throw new CloudError(
        'unreachable',
        `${title} cannot be asked, since there are no credentials: ${why}`,
        about,
      )
    } finally {
      timer.cancel()
    }
  }
}

/** Codes that AWS sends with the HTTP status 400 although the call may succeed later: too many calls, or too many requests at once. */
const passing = new Set([
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'LimitExceededException',
])
const aboutTime = new Set([
  'InvalidSignatureException',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])
const aboutAccess = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'NotAuthorized',
  'OptInRequired',
])
const aboutKey = new Set([
  'DisabledException',
  'KMSInvalidStateException',
  'NotFoundException',
  'InvalidKeyUsageException',
  'InvalidArnException',
])
/** Another key made the ciphertext, or it was altered, or belongs to another place. */
const aboutCiphertext = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])

// ---------------------------------------------------------------- Credentials and signatures

// The two packages of AWS's SDK that root keys in AWS KMS need: its chain of credentials and its signatures. They are loaded on
// use, since most servers have no such root key.

/**
 * How long AWS's chain of credentials may wait for a program or a service: at first, and at most. After that time Mortise uses a new chain,
 * which may wait twice as long: each chain that hangs keeps its memory, so that there must not be many.
 */
const awsChainMs = 10_000
const awsChainMsMax = 3_600_000

interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

interface SignedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface AwsSdk {
  /** The credentials that the SDK's chain finds. The chain keeps them until they expire. `forceRefresh`: the chain looks again. */
  readonly credentials: Chain
  /** The headers of the request with its signature. */
  readonly sign: (
    request: SignedRequest,
    how: { readonly region: string; readonly credentials: AwsCredentials; readonly at: Date },
  ) => Promise<Record<string, string>>
}

type Chain = (options: { readonly forceRefresh: boolean }) => Promise<AwsCredentials>

/** Throws RootKeyError where the packages are not there. */
export async function loadAwsSdk(
  init: Pick<DefaultProviderInit, 'filepath' | 'profile'>,
  clock: Pick<Clock, 'after'>,
): Promise<AwsSdk> {
  const [{ defaultProvider }, { SignatureV4 }] = await Promise.all([
    import('@aws-sdk/credential-provider-node'),
    import('@smithy/signature-v4'),
  ]).catch((cause: unknown) => {
    throw new RootKeyError(
      'unreachable',
      'root keys in AWS KMS need two packages of AWS: npm install @aws-sdk/credential-provider-node @smithy/signature-v4, ' +
        'beside Mortise; see docs/root-key-aws.md',
      { cause },
    )
  })
  // `ignoreCache`: the files with credentials may be replaced at any time.
  const credentials = unlessItHangs(() => defaultProvider({ ...init, ignoreCache: true }), clock)
  return {
    credentials,
    sign: async ({ method, url, headers, body }, { region, credentials, at }) => {
      const signer = new SignatureV4({ service: 'kms', region, credentials, sha256: Sha256 })
      const { protocol, hostname, pathname } = url
      const request = { method, protocol, hostname, path: pathname, query: {}, body }
      const signed = await signer.sign(
        { ...request, headers: { ...headers, host: url.host } },
        { signingDate: at },
      )
      return signed.headers
    },
  }
}

/** Replaces a chain that hangs. All calls of a chain wait for one answer, so if that never came, no call would get credentials again. */
function unlessItHangs(make: () => Chain, clock: Pick<Clock, 'after'>): Chain {
  let chain = make()
  let patienceMs: number = awsChainMs
  return async (options) => {
    const credentialsOf = chain
    const late = Promise.withResolvers<never>()
    const timer = clock.after(patienceMs, () => {
      late.reject(new Error('they did not come in time'))
      if (chain !== credentialsOf) return
      chain = make()
      patienceMs = Math.min(2 * patienceMs, awsChainMsMax)
    })
    try {
      const credentials = await Promise.race([credentialsOf(options), late.promise])
      if (chain === credentialsOf) patienceMs = awsChainMs
      return credentials
    } finally {
      timer.cancel()
    }
  }
}

/** A hash with the interface that SignatureV4 takes, computed by Node.js. */
class Sha256 {
  #hash: Hash | Hmac
  readonly #fresh: () => Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#fresh = () => {
      if (secret === undefined) return createHash('sha256')
      return createHmac('sha256', typeof secret === 'string' ? secret : bytesOf(secret))
    }
    this.#hash = this.#fresh()
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(typeof data === 'string' ? data : bytesOf(data))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()))
  }

  reset(): void {
    this.#hash = this.#fresh()
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}

// ---------------------------------------------------------------- Answers

// The answers of AWS KMS, as schemas: no other file reads the fields of their JSON.

const encrypted = z.object({ CiphertextBlob: z.string().regex(/^[\w+/=]+$/) })

/** undefined: the answer has no ciphertext. */
export function readCiphertext(json: unknown): string | undefined {
  return encrypted.safeParse(json).data?.CiphertextBlob
}

const described = z.object({
  KeyMetadata: z.object({
    Arn: z.string().startsWith('arn:'),
    KeyState: z.string(),
    KeyUsage: z.string(),
    KeySpec: z.string(),
  }),
})

export type KeyMetadata = Readonly<z.output<typeof described>['KeyMetadata']>

/** undefined: the answer is not about a key. */
export function readMetadata(json: unknown): KeyMetadata | undefined {
  return described.safeParse(json).data?.KeyMetadata
}

const words = z
  .string()
  .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
  .catch('')

const refusal = z.object({ __type: z.string(), message: words, Message: words })

/** The code of a refusal without its namespace, and the words. undefined: AWS did not write this answer. */
function readAwsRefusal(body: Buffer): { readonly code: string; readonly message: string } | undefined {
  const parsed = refusal.safeParse(parseJson(body))
  if (!parsed.success) return undefined
  const { __type: type, message, Message } = parsed.data
  return { code: type.slice(type.lastIndexOf('#') + 1).slice(0, 100), message: message || Message }
}
