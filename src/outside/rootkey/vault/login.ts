// The token that Mortise shows Vault: from a file, or by a login with AppRole or as a Kubernetes service account. It is renewed before
// it ends. Its time counts from the question, so that a slow answer makes no token look younger than it is.

import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import { CloudError, unanswered } from '../clouds/error.ts'
import type { CloudHttp } from '../clouds/http.ts'
import { HeldAccess, type Access } from '../https/held-access.ts'
import { readErrors, readLease, readLookup, type Lease } from './answers.ts'

/** Vault: after this part of its life a token is renewed. One without an end is looked at again as if it lived so long. */
const vaultTokenRefreshAt = 2 / 3
const vaultEndlessTokenSeconds = 300

/** Secrets are read for each login, so that files may be replaced at any time. They reject with RootKeyError. */
export type VaultAccess =
  | { readonly method: 'token'; readonly readToken: () => Promise<string> }
  | {
      readonly method: 'approle'
      readonly mount: string
      readonly roleId: string
      readonly readSecretId: () => Promise<string>
    }
  | {
      readonly method: 'kubernetes'
      readonly mount: string
      readonly role: string
      readonly readServiceAccountToken: () => Promise<string>
    }

export interface VaultLoginOptions {
  readonly http: CloudHttp
  readonly address: URL
  readonly namespace: string | undefined
  readonly access: VaultAccess
  readonly clock: Pick<Clock, 'monotonic'>
}

interface Token extends Lease, Access {
  /** The time that its login gave it; a renewal gives less towards the end of its longest life. */
  readonly fullSeconds: number
}

export class VaultLogin {
  readonly #options: VaultLoginOptions
  readonly #held: HeldAccess<Token>

  constructor(options: VaultLoginOptions) {
    this.#options = options
    this.#held = new HeldAccess(options.clock)
  }

  /** Throws RootKeyError: 'unreachable' where Vault does not answer, 'root-key' where it refuses the login. */
  async token(timeoutMs: number): Promise<string> {
    const { token } = await this.#held.take(
      () => this.#begin(timeoutMs),
      (held) => this.#refresh(held, timeoutMs),
    )
    return token
  }

  /** Vault refused a call with this token. Whether another is worth a try. */
  refuse(token: string | undefined): boolean {
    return this.#held.giveUp((held) => held.token === token)
  }

  async #begin(timeoutMs: number): Promise<Token> {
    const { access, clock } = this.#options
    const asked = clock.monotonic()
    const { secret, path, body } = await loginOf(access)
    return this.#held.show(secret, async () => {
      if (path !== undefined) return this.#kept(await this.#lease(path, body, undefined, timeoutMs), asked)
      return this.#kept({ token: secret, ...(await this.#lookUp(secret, timeoutMs)) }, asked)
    })
  }

  /** A renewal; a new login where there is none, or where it gives much less time than the login did. */
  async #refresh(token: Token, timeoutMs: number): Promise<Token> {
    const { access, clock } = this.#options
    // Another program, such as Vault Agent, renews a token in a file, or puts another there.
    if (access.method === 'token' && (await access.readToken()) !== token.token) return this.#begin(timeoutMs)
    if (!token.renewable) return this.#begin(timeoutMs)
    const asked = clock.monotonic()
    const renewed = await this.#lease('auth/token/renew-self', {}, token.token, timeoutMs).catch(
      (error: unknown) => {
        if (error instanceof CloudError && error.transient) throw error
        return undefined
      },
    )
    if (!renewed || renewed.lifeSeconds < token.fullSeconds / 2) return this.#begin(timeoutMs)
    return this.#kept(renewed, asked, token.fullSeconds)
  }

  #kept(lease: Lease, asked: number, fullSeconds = lease.lifeSeconds): Token {
    // A token without an end is looked at again all the same: a file may hold another by then.
    const lifeMs = (lease.lifeSeconds === 0 ? vaultEndlessTokenSeconds : lease.lifeSeconds) * 1000
    const usableUntil = lease.lifeSeconds === 0 ? Infinity : asked + lifeMs
    return { ...lease, fullSeconds, usableUntil, refreshFrom: asked + lifeMs * vaultTokenRefreshAt }
  }

  /** A policy may keep a token from looking at itself: then it is taken as one without an end. */
  async #lookUp(token: string, timeoutMs: number): Promise<Omit<Lease, 'token'>> {
    const { status, json } = await this.#send('GET', 'auth/token/lookup-self', undefined, token, timeoutMs)
    const found = status === 200 ? readLookup(json) : undefined
    if (found) return found
    if (status === 403) return { lifeSeconds: 0, renewable: false }
    throw this.#refusal(status, json)
  }

  async #lease(
    path: string,
    body: object | undefined,
    token: string | undefined,
    timeoutMs: number,
  ): Promise<Lease> {
    const { status, json } = await this.#send('POST', path, body, token, timeoutMs)
    const lease = status === 200 ? readLease(json) : undefined
    if (lease) return lease
    throw this.#refusal(status, json)
  }

  async #send(
    method: 'GET' | 'POST',
    path: string,
    body: object | undefined,
    token: string | undefined,
    timeoutMs: number,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const { http, address, namespace } = this.#options
    const headers = vaultHeaders(token, namespace)
    const bytes = body && Buffer.from(JSON.stringify(body))
    try {
      const url = new URL(`/v1/${path}`, address)
      const { status, body: text } = await http.ask({
        method,
        url,
        headers,
        timeoutMs,
        ...(bytes && { body: bytes }),
      })
      try {
        return { status, json: JSON.parse(text.toString('utf8')) as unknown }
      } catch {
        throw unanswered(http.title, `HTTP ${status} to a login, but not as Vault answers`)
      } finally {
        text.fill(0)
      }
    } finally {
      bytes?.fill(0)
    }
  }

  #refusal(status: number, json: unknown): CloudError {
    const { http, access } = this.#options
    const words = readErrors(json)
    if (words === undefined || status === 412 || status === 429 || status >= 500)
      return unanswered(http.title, `HTTP ${status} to a login${words ? `: ${words}` : ''}`)
    const message = `${http.title} refuses the login of Mortise (${access.method}): ${words || `HTTP ${status}`}. ${cures[access.method]}`
    return new CloudError('root-key', message, { status, code: words, transient: false })
  }
}

const cures = {
  token: 'Put a valid token into the file that vault.tokenFile names',
  approle: 'Look at vault.roleId and at the secret ID in the file that vault.secretIdFile names',
  kubernetes:
    'Look at vault.kubernetesRole, and whether that role names this service account and its namespace',
}

export function vaultHeaders(
  token: string | undefined,
  namespace: string | undefined,
): Record<string, string> {
  return {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    // Vault's own agents and proxies want it against forged requests.
    'X-Vault-Request': 'true',
    ...(token !== undefined && { 'X-Vault-Token': token }),
    ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
  }
}

/** The secret that is shown, and the login that it is shown to; a token is shown as it is. */
async function loginOf(access: VaultAccess): Promise<{
  readonly secret: string
  readonly path?: string
  readonly body?: object
}> {
  switch (access.method) {
    case 'token':
      return { secret: await access.readToken() }
    case 'approle': {
      const secret = await access.readSecretId()
      const body = { role_id: access.roleId, secret_id: secret }
      return { secret, path: `auth/${access.mount}/login`, body }
    }
    case 'kubernetes': {
      const secret = await access.readServiceAccountToken()
      return { secret, path: `auth/${access.mount}/login`, body: { role: access.role, jwt: secret } }
    }
    default:
      throw new RootKeyError('root-key', 'vault.auth names no way to log in')
  }
}
