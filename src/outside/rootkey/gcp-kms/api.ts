// Puts our token on every call of Google Cloud KMS, and reads its refusals.

import type { Answer } from '../https/exchange.ts'
import type { BearerLogin } from '../clouds/bearer-login.ts'
import type { CloudRefusal } from '../clouds/error.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import { readGcpRefusal } from './answers.ts'

interface GcpApiOptions {
  readonly title: string
  readonly login: BearerLogin
}

export class GcpApi implements CloudApi {
  readonly #options: GcpApiOptions

  constructor(options: GcpApiOptions) {
    this.#options = options
  }

  authorize(call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>> {
    return this.#options.login.authorize(call, leftMs)
  }

  renewAccess(shown: Readonly<Record<string, string>>): boolean {
    return this.#options.login.refuse(shown)
  }

  readRefusal(call: CloudCall, { status, body }: Answer): CloudRefusal | undefined {
    const read = status < 400 ? undefined : readGcpRefusal(body)
    if (!read) return undefined
    const { code } = read
    const said = `${this.#options.title} refuses to ${call.name} (${code}${read.message && `: ${read.message}`})`
    // A checksum that does not fit: what we sent was damaged on its way.
    const isPassing = passing.has(code) || read.violations.some((type) => passingOutside.has(type))
    if (status === 429 || status >= 500 || isPassing || /crc32c|checksum/i.test(read.message))
      return {
        reach: 'unreachable',
        code,
        message: `${said}: it cannot answer at the moment`,
        transient: true,
      }
    if (status === 401 || status === 403)
      return { reach: 'root-key', code, message: `${said}. See docs/root-key-gcp.md`, access: true }
    if (code === 'FAILED_PRECONDITION') {
      const cure = 'Enable or restore the version (gcloud kms keys versions), or make another one primary'
      return { reach: 'root-key', code, message: `${said}. ${cure}` }
    }
    if (code === 'NOT_FOUND') return { reach: 'root-key', code, message: said }
    const altered = call.name === 'decrypt' && code === 'INVALID_ARGUMENT'
    return { reach: 'wrapped-form', code, message: said, altered }
  }

  /** Google's answers name none; its audit log has who called and when. */
  requestIdOf(): undefined {
    return undefined
  }
}

const passing = new Set([
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'INTERNAL',
  'CANCELLED',
])

/** Google's "Cloud EKM error reference": an external key manager that does not answer as it should, with FAILED_PRECONDITION. */
const passingOutside = new Set([
  'DNS',
  'EXTERNAL_RESOURCE_EXHAUSTED',
  'UNREACHABLE_NETWORK',
  'OVERLOADED_EKM',
  'TIMEOUT',
  'REQUEST_CANCELLED',
  'TLS_CERT',
  'UNEXPECTED_RESPONSE',
  'EXTERNAL_SERVER_ERROR',
  'UNEXPECTED_ERROR',
])
