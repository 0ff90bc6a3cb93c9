// Puts our access on every call of Vault's API, and reads its refusals. Vault has no error codes: beside the HTTP status there are
// only words, which are looked at where the status alone would mislead.

import type { IncomingHttpHeaders } from 'node:http'
import type { Answer } from '../https/exchange.ts'
import type { CloudRefusal } from '../clouds/error.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import { parseJson } from '../https/secret-json.ts'
import { readErrors, requestIdIn } from './answers.ts'
import { vaultHeaders, type VaultLogin } from './login.ts'

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

  readRefusal(call: CloudCall, { status, body }: Answer): CloudRefusal | undefined {
    const words = status < 400 ? undefined : readErrors(parseJson(body))
    if (words === undefined) return undefined
    const code = words === '' ? `HTTP ${status}` : words
    const said = `${this.#options.title} refuses to ${call.name} (${code})`
    if (/message authentication failed|invalid ciphertext/.test(words))
      // Vault 1.4 to 1.6 answers 500.
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
