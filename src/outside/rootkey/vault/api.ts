// Puts our access on every call of Vault's API, and reads its refusals. Vault has no error codes: beside the HTTP status there are
// only words, which Mortise reads where the status alone would mislead.

import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import { type CloudRefusal, CloudError, unanswered } from '../clouds/error.ts'
import type { CloudHttp } from '../clouds/http.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import type { HttpAnswer } from '../https/exchange.ts'
import { HeldAccess, type ServiceAccess } from '../https/held-access.ts'
import { parseJson } from '../https/secret-json.ts'

interface VaultApiOptions {
  readonly title: string
  readonly namespace: string | undefined
  readonly login: VaultLogin
}

export class VaultApi implements CloudApi {
  readonly #options: VaultApiOptions

  constructor(options: VaultApiOptions) {
    this.#options = options
  }

  async authorize(_call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>> {
    const { login, namespace } = this.#options
    return vaultHeaders(await login.token(leftMs), namespace)
  }

  renewAccess(shown: Readonly<Record<string, string>>): boolean {
    return this.#options.login.refuse(shown['X-Vault-Token'])
  }

  readRefusal(call: CloudCall, { status, body }: HttpAnswer): CloudRefusal | undefined {
    const words = status < 400 ? undefined : readErrors(parseJson(body))
    if (words === undefined) return undefined
    const code = words === '' ? `HTTP ${status}` : words
    const said = `${this.#options.title} refuses to ${call.name} (${code})`
    if (/message authentication failed|invalid ciphertext/.test(words))
      // Vault 1.4 to 1.6 answers these words with the status 500, so the words come before the status.
      return {
        reach: 'wrapped-form',
        code,
        altered: true,
        message: `${said}: the key did not seal this for this place`,
      }
    if (status === 412 || status === 429 || status >= 500)
      return {
        reach: 'unreachable',
        code,
        transient: true,
        message: `${said}: it cannot answer at the moment`,
      }
    if (status === 403) {
      const message = `${said}: the token of Mortise needs a policy that permits this; see docs/root-key-vault.md`
      return { reach: 'root-key', code, access: true, message }
    }
    if (/too old/.test(words))
      return { reach: 'wrapped-form', code, message: `${said}: lower the key's min_decryption_version` }
    if (status === 404 || status === 405 || isAboutKey.test(words))
      return { reach: 'root-key', code, message: `${said}: no key that could do this is there` }
    return { reach: 'wrapped-form', code, message: said }
  }

  requestIdOf(_headers: IncomingHttpHeaders, json: unknown): string | undefined {
    return requestIdIn(json)
  }
}

const isAboutKey =
  /key not found|soft-deleted|missing 'context'|non-AEAD|not supported for key type|no handler/

// ---------------------------------------------------------------- Login

// Gets the token that Mortise shows Vault: from a file, or by a login with AppRole or as a Kubernetes service account. Mortise renews the
// token before it ends. Its life counts from the request for it, so that a slow answer makes no token look younger than it is.

/** After this part of its life Mortise renews a token of Vault. */
const vaultTokenRefreshAt = 2 / 3
/** Mortise checks a token without an end again as if it lived this long. */
const vaultEndlessTokenSeconds = 300

/** Mortise reads the secret for each login, so that its file may be replaced at any time. The functions reject with RootKeyError. */
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

interface VaultLoginOptions {
  readonly http: CloudHttp
  readonly address: URL
  readonly namespace: string | undefined
  readonly access: VaultAccess
  readonly clock: Pick<Clock, 'monotonic'>
}

interface Token extends Lease, ServiceAccess {
  /** The life that its login gave the token. Vault renews a token for less when it nears the longest life that Vault allows it. */
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

  /** For a call with this token that Vault refused: whether another token is worth a try. */
  refuse(token: string | undefined): boolean {
    return this.#held.giveUp((held) => held.token === token)
  }

  async #begin(timeoutMs: number): Promise<Token> {
    const { access, clock } = this.#options
    const beganMs = clock.monotonic()
    const { secret, path, body } = await loginOf(access)
    return this.#held.show(secret, async () => {
      if (path !== undefined) return this.#kept(await this.#lease(path, body, undefined, timeoutMs), beganMs)
      return this.#kept({ token: secret, ...(await this.#lookUp(secret, timeoutMs)) }, beganMs)
    })
  }

  /** Renews the token. Logs in again where Vault does not renew it, or renews it for less than half the life that its login gave. */
  async #refresh(token: Token, timeoutMs: number): Promise<Token> {
    const { access, clock } = this.#options
    // Another program, such as Vault Agent, may have put another token into the file.
    if (access.method === 'token' && (await access.readToken()) !== token.token) return this.#begin(timeoutMs)
    if (!token.renewable) return this.#begin(timeoutMs)
    const beganMs = clock.monotonic()
    const renewed = await this.#lease('auth/token/renew-self', {}, token.token, timeoutMs).catch(
      (error: unknown) => {
        if (error instanceof CloudError && error.transient) throw error
        return undefined
      },
    )
    if (!renewed || renewed.lifeSeconds < token.fullSeconds / 2) return this.#begin(timeoutMs)
    return this.#kept(renewed, beganMs, token.fullSeconds)
  }

  #kept(lease: Lease, beganMs: number, fullSeconds = lease.lifeSeconds): Token {
    // Mortise checks a token without an end again too: the file may hold another one by then.
    const lifeMs = (lease.lifeSeconds === 0 ? vaultEndlessTokenSeconds : lease.lifeSeconds) * 1000
    const usableUntil = lease.lifeSeconds === 0 ? Infinity : beganMs + lifeMs
    return { ...lease, fullSeconds, usableUntil, refreshFrom: beganMs + lifeMs * vaultTokenRefreshAt }
  }

  /** Asks Vault for the life of a token. A policy may forbid a token this question: then Mortise takes the token as one without an end. */
  async #lookUp(token: string, timeoutMs: number): Promise<Omit<Lease, 'token'>> {
    const { status, json } = await this.#send('GET', 'auth/token/lookup-self', undefined, token, timeoutMs)
    const lookup = status === 200 ? readLookup(json) : undefined
    if (lookup) return lookup
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

function vaultHeaders(token: string | undefined, namespace: string | undefined): Record<string, string> {
  return {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    // Vault Agent and Vault Proxy may require this header, against forged requests.
    'X-Vault-Request': 'true',
    ...(token !== undefined && { 'X-Vault-Token': token }),
    ...(namespace !== undefined && { 'X-Vault-Namespace': namespace }),
  }
}

/** The secret, with the path and the body of the login that takes it. A token from a file needs no login, so it has no path. */
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

// ---------------------------------------------------------------- Answers

// The answers of Vault and OpenBao, as schemas: no other file reads the fields of their JSON.

const visible = z.string().regex(/^[\x21-\x7e]+$/)

const encrypted = z.object({ data: z.object({ ciphertext: visible.regex(/^vault:v\d+:/) }) })

/** undefined: the answer has no ciphertext. */
export function readCiphertext(json: unknown): string | undefined {
  return encrypted.safeParse(json).data?.data.ciphertext
}

const transitKey = z.object({
  data: z.object({
    type: z.string(),
    latest_version: z.number().int().positive(),
    derived: z.boolean().catch(false),
    exportable: z.boolean().catch(false),
    allow_plaintext_backup: z.boolean().catch(false),
    deletion_allowed: z.boolean().catch(false),
    soft_deleted: z.boolean().catch(false),
  }),
})

export type TransitKey = Readonly<z.output<typeof transitKey>['data']>

/** undefined: the answer is not about a key. */
export function readTransitKey(json: unknown): TransitKey | undefined {
  return transitKey.safeParse(json).data?.data
}

const seconds = z.number().nonnegative()

const login = z.object({
  auth: z.object({ client_token: visible, lease_duration: seconds, renewable: z.boolean().catch(false) }),
})

interface Lease {
  readonly token: string
  /** 0: the token does not end. */
  readonly lifeSeconds: number
  readonly renewable: boolean
}

/** The token that a login or a renewal gave. undefined: the answer has no token. */
function readLease(json: unknown): Lease | undefined {
  const auth = login.safeParse(json).data?.auth
  return auth && { token: auth.client_token, lifeSeconds: auth.lease_duration, renewable: auth.renewable }
}

const looked = z.object({ data: z.object({ ttl: seconds, renewable: z.boolean().catch(false) }) })

/** The time that a token has left, by the answer of auth/token/lookup-self. undefined: the answer does not say. */
function readLookup(json: unknown): Omit<Lease, 'token'> | undefined {
  const data = looked.safeParse(json).data?.data
  return data && { lifeSeconds: data.ttl, renewable: data.renewable }
}

const refusal = z.object({ errors: z.array(z.string()) })

/** The words of a refusal, on one line; '' where there are none. undefined: Vault did not write this answer. */
function readErrors(json: unknown): string | undefined {
  const errors = refusal.safeParse(json).data?.errors
  return errors
    ?.join('; ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 300)
}

const withId = z.object({ request_id: z.uuid() })

function requestIdIn(json: unknown): string | undefined {
  return withId.safeParse(json).data?.request_id
}
