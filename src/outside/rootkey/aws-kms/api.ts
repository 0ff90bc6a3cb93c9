// Signs every call of AWS KMS with the credentials that AWS's chain finds, and reads its refusals.

import type { IncomingHttpHeaders } from 'node:http'
import { iamTokenFreshMs, rootKeyAnswerTimeoutMs } from '../bounds.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { Answer } from '../https/exchange.ts'
import { CloudError, type CloudRefusal } from '../clouds/error.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import { readAwsRefusal } from './answers.ts'
import { ServiceClock } from '../clouds/service-clock.ts'
import type { AwsCredentials, AwsSdk } from './sdk.ts'

interface AwsKmsApiOptions {
  readonly title: string
  readonly region: string
  readonly sdk: AwsSdk
  readonly clock: Pick<Clock, 'now' | 'monotonic' | 'after'>
}

export class AwsKmsApi implements CloudApi {
  readonly #options: AwsKmsApiOptions
  readonly #serviceClock: ServiceClock
  /** How often the clock was set right, or credentials were asked for anew. */
  #changes = 0
  /** The number of changes before the headers of a call were made. */
  readonly #changesBefore = new WeakMap<Readonly<Record<string, string>>, number>()
  /** New credentials, while they are asked for. */
  #renewing: Promise<AwsCredentials> | undefined
  /** Monotonic milliseconds: when credentials were last asked for anew because they were refused. */
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

  readRefusal(call: CloudCall, { status, headers, body }: Answer): CloudRefusal | undefined {
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
    // The service that gives out such credentials is out of reach; nobody took the access away.
    if (code === 'ExpiredTokenException') return { reach: 'unreachable', code, message, access: true }
    if (aboutAccess.has(code) || status === 401 || status === 403)
      return { reach: 'root-key', code, message: `${message}. See docs/root-key-aws.md`, access: true }
    if (aboutKey.has(code)) return { reach: 'root-key', code, message }
    return { reach: 'wrapped-form', code, message, altered: ofOthers.has(code) }
  }

  requestIdOf(headers: IncomingHttpHeaders): string | undefined {
    const id = headers['x-amzn-requestid']
    return typeof id === 'string' && /^[\w-]{1,100}$/.test(id) ? id : undefined
  }

  /** Whether a signature by AWS's clock may be taken where one by ours was not. */
  #setClockRight(date: string | undefined): boolean {
    if (!this.#serviceClock.setRight(date)) return false
    this.#changes++
    return true
  }

  /** The chain may ask other services, or run programs, that never answer. */
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

/** Too much at once, or trouble in AWS, with HTTP status 400. */
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
const ofOthers = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])
