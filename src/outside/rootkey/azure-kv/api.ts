// Puts our token on every call of Azure Key Vault and Managed HSM, and reads their refusals.

import type { IncomingHttpHeaders } from 'node:http'
import type { BearerLogin } from '../clouds/bearer-login.ts'
import type { CloudRefusal } from '../clouds/error.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import type { Answer } from '../https/exchange.ts'
import { readAzureRefusal } from './answers.ts'

interface AzureApiOptions {
  readonly title: string
  readonly login: BearerLogin
  /** The directory that our token is from; undefined: the machine's. */
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

  readRefusal(call: CloudCall, { status, headers, body }: Answer): CloudRefusal | undefined {
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
    // The firewall of the vault, or its private endpoint: the network, and nobody's access.
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

  /** The challenge of a vault says which directory it believes. It is told and not obeyed: the configuration says where we log in. */
  #tenantAdvice(headers: IncomingHttpHeaders): string {
    const [, wanted] =
      /authorization(?:_uri)?="https:\/\/[^/"]+\/([\w.-]+)"/.exec(headers['www-authenticate'] ?? '') ?? []
    const { tenantId } = this.#options
    if (wanted === undefined || wanted.toLowerCase() === tenantId?.toLowerCase()) return ''
    return tenantId === undefined
      ? ''
      : `. It believes the directory ${wanted}, and azure.tenantId is ${tenantId}`
  }
}

const aboutKey = new Set([
  'KeyDisabled',
  'KeyNotFound',
  'KeyOperationForbidden',
  'ObjectIsDeletedButRecoverable',
])
