// Vault and OpenBao: tokens, policies, AppRole, Kubernetes logins, and the transit engine, as far as Mortise uses them. Paths,
// bodies and refusals are those of OpenBao's sources and of Vault's documentation.

import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto'
import type { CloudReply, CloudRequest, FakeService } from './service.ts'

interface TransitKey {
  readonly settings: Record<string, unknown> & { type: string; derived: boolean; soft_deleted: boolean }
  min_decryption_version: number
  readonly versions: Buffer[]
}

interface Token {
  readonly policies: readonly string[]
  readonly ttl: number
  endsMs: number
  /** A renewal gives nothing beyond. */
  readonly lastMs: number
  readonly renewable: boolean
}

interface Role {
  readonly policies: readonly string[]
  readonly ttl: number
  readonly maxTtl: number
  readonly secret: string
}

interface Rule {
  readonly path: string
  readonly capabilities: readonly string[]
}

/** Where the transit engine is mounted. */
const engines = ['transit', 'team-a/transit']

class Refused extends Error {
  readonly status: number
  readonly errors: readonly string[]
  constructor(status: number, ...errors: readonly string[]) {
    super(errors.join())
    this.status = status
    this.errors = errors
  }
}

const denied = (...why: readonly string[]) => {
  const all = ['permission denied', ...why]
  const lines = all.map((one) => `\t* ${one}\n`).join('')
  return new Refused(403, `${all.length} error${all.length === 1 ? '' : 's'} occurred:\n${lines}\n`)
}

export class VaultService implements FakeService {
  #sealed = false
  /** As versions that do not know associated_data, or that answer 500 to another key's ciphertext. */
  #ignoresData = false
  #answers500 = false
  readonly #keys = new Map<string, TransitKey>()
  readonly #policies = new Map<string, readonly Rule[]>()
  readonly #tokens = new Map<string, Token>()
  readonly #appRoles = new Map<string, Role>()
  readonly #kubernetesRoles = new Map<string, Role>()

  nameOf({ url }: CloudRequest): string {
    const [, , ...parts] = url.pathname.split('/')
    if (parts[0] === 'auth') return parts.at(-1) === 'login' ? 'login' : (parts.at(-1) ?? '')
    return parts.at(-2) ?? ''
  }

  trouble(status: number): CloudReply {
    const words: Record<number, string> = {
      429: 'request path "transit/decrypt/mortise": rate limit quota exceeded',
      500: 'local node not active but active cluster node not found',
      503: 'Vault is sealed',
    }
    return { status, body: { errors: [words[status] ?? 'internal error'] } }
  }

  answer(request: CloudRequest, nowMs: number): CloudReply {
    try {
      if (this.#sealed) throw new Refused(503, 'Vault is sealed')
      const { data = null, auth = null } = this.#route(request, nowMs)
      const body = { request_id: randomUUID(), lease_id: '', renewable: false, lease_duration: 0, data, auth }
      return { status: 200, body: { ...body, wrap_info: null, warnings: null } }
    } catch (error) {
      if (error instanceof Refused) return { status: error.status, body: { errors: error.errors } }
      throw error
    }
  }

  #route({ method, url, headers, body }: CloudRequest, nowMs: number): { data?: object; auth?: object } {
    const path = url.pathname.replace(/^\/v1\//, '')
    const given = (body.length === 0 ? {} : JSON.parse(body.toString())) as Record<string, string>
    if (path === 'auth/approle/login')
      return { auth: this.#login(this.#appRoles.get(given['role_id'] ?? ''), given['secret_id'], nowMs) }
    if (path === 'auth/kubernetes/login') {
      const role = this.#kubernetesRoles.get(given['role'] ?? '')
      if (!role) throw new Refused(400, `invalid role name "${given['role']}"`)
      if (role.secret !== given['jwt']) throw new Refused(403, 'permission denied')
      return { auth: this.#issue(role, nowMs) }
    }
    const name = headers['x-vault-token'] ?? ''
    const token = this.#tokens.get(name)
    if (!token || token.endsMs <= nowMs) throw denied('invalid token')
    const [act = '', key = ''] = path.split('/').slice(-2)
    const mount = path.split('/').slice(0, -2).join('/')
    const isThere = this.#keys.has(`${mount}/${key}`)
    const hasEngine = mount === 'auth' || engines.includes(mount)
    const makes = method === 'POST' && (!hasEngine || (act === 'encrypt' && !isThere))
    const needed = method === 'GET' ? 'read' : makes ? 'create' : 'update'
    if (!this.#permits(token, path, needed)) throw denied()
    if (path === 'auth/token/lookup-self') {
      const ttl = token.endsMs === Infinity ? 0 : Math.floor((token.endsMs - nowMs) / 1000)
      return { data: { ttl, renewable: token.renewable, policies: token.policies } }
    }
    if (path === 'auth/token/renew-self') {
      if (!token.renewable) throw new Refused(400, 'lease is not renewable')
      token.endsMs = Math.min(nowMs + token.ttl * 1000, token.lastMs)
      return { auth: authOf(name, token, nowMs) }
    }
    if (!hasEngine) throw new Refused(404, `no handler for route "${path}". route entry not found.`)
    return { data: this.#transit(act, `${mount}/${key}`, given) }
  }

  #transit(act: string, name: string, given: Record<string, string>): object {
    const key = this.#keys.get(name)
    if (act === 'keys') {
      if (!key) throw new Refused(404)
      const { versions, min_decryption_version, settings } = key
      const keys = Object.fromEntries(versions.map((_, index) => [`${index + 1}`, 1_700_000_000 + index]))
      return { name, ...settings, keys, latest_version: versions.length, min_decryption_version }
    }
    // With the capability create, an encryption makes the key.
    const used = key ?? (act === 'encrypt' ? this.#makeKey(name, {}) : undefined)
    if (!used) throw new Refused(400, 'encryption key not found')
    if (used.settings.soft_deleted) throw new Refused(400, 'refusing to use soft-deleted key')
    const { type } = used.settings
    const data = Buffer.from(given['associated_data'] ?? '', 'base64')
    if (data.length > 0 && !/gcm|poly1305/.test(type))
      throw new Refused(400, `'[0].associated_data' provided for non-AEAD cipher suite ${type}`)
    if (used.settings.derived)
      throw new Refused(
        400,
        "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key",
      )
    const bound = this.#ignoresData ? Buffer.alloc(0) : data
    if (act === 'encrypt') return encrypt(used, Buffer.from(given['plaintext'] ?? '', 'base64'), bound)
    if (act === 'decrypt') return this.#decrypt(used, given['ciphertext'] ?? '', bound)
    throw new Refused(404, `no handler for route "${act}". route entry not found.`)
  }

  #decrypt(
    { versions, min_decryption_version: oldest }: TransitKey,
    ciphertext: string,
    data: Buffer,
  ): object {
    const [prefix, version, text] = ciphertext.split(':')
    if (prefix !== 'vault' || version === undefined || text === undefined)
      throw new Refused(400, 'invalid ciphertext: no prefix')
    const number = Number(version.slice(1))
    const key = versions[number - 1]
    if (!key) throw new Refused(400, 'invalid ciphertext: version is too new')
    if (number < oldest)
      throw new Refused(400, 'ciphertext or signature version is disallowed by policy (too old)')
    const sealed = Buffer.from(text, 'base64')
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
      decipher.setAAD(data).setAuthTag(sealed.subarray(-16))
      const plaintext = Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
      return { plaintext: plaintext.toString('base64') }
    } catch {
      const words = 'cipher: message authentication failed'
      throw this.#answers500
        ? new Refused(500, `1 error occurred:\n\t* ${words}\n\n`)
        : new Refused(400, words)
    }
  }

  #login(role: Role | undefined, secret: string | undefined, nowMs: number): object {
    if (role?.secret !== secret || !role) throw new Refused(400, 'invalid role or secret ID')
    return this.#issue(role, nowMs)
  }

  #issue(
    { policies, ttl, maxTtl }: Pick<Role, 'policies' | 'ttl' | 'maxTtl'>,
    nowMs: number,
    renewable = true,
  ) {
    const name = `hvs.${randomBytes(18).toString('base64url')}`
    const ends = (seconds: number) => (seconds === 0 ? Infinity : nowMs + seconds * 1000)
    const token = { policies, ttl, endsMs: ends(ttl), lastMs: ends(maxTtl), renewable }
    this.#tokens.set(name, token)
    return authOf(name, token, nowMs)
  }

  #permits({ policies }: Token, path: string, capability: string): boolean {
    return policies.some((policy) => {
      if (policy === 'default' && /^auth\/token\/(lookup|renew)-self$/.test(path)) return true
      const rules = this.#policies.get(policy) ?? []
      return rules.some((rule) => rule.path === path && rule.capabilities.includes(capability))
    })
  }

  #makeKey(name: string, settings: Readonly<Record<string, unknown>>): TransitKey {
    const usual = {
      type: 'aes256-gcm96',
      derived: false,
      exportable: false,
      allow_plaintext_backup: false,
      deletion_allowed: false,
      soft_deleted: false,
    }
    const key = {
      settings: { ...usual, ...settings },
      min_decryption_version: 1,
      versions: [randomBytes(32)],
    }
    this.#keys.set(name, key)
    return key
  }

  command(name: string, body: Readonly<Record<string, unknown>>, nowMs: number): unknown {
    const key = this.#keys.get(String(body['key']))
    switch (name) {
      case 'key':
        this.#makeKey(String(body['key']), (body['settings'] ?? {}) as Record<string, unknown>)
        return null
      case 'rotate':
        return key?.versions.push(randomBytes(32))
      case 'min-version':
        if (key) key.min_decryption_version = Number(body['version'])
        return null
      case 'delete-key':
        return this.#keys.delete(String(body['key']))
      case 'has-key':
        return this.#keys.has(String(body['key']))
      case 'policy':
        this.#policies.set(String(body['name']), body['rules'] as readonly Rule[])
        return null
      case 'token': {
        const role = { policies: ['default'], ttl: 3600, maxTtl: 0, ...body }
        return this.#issue(role, nowMs, body['renewable'] !== false)
      }
      case 'revoke-tokens':
        return this.#tokens.clear()
      case 'tokens':
        return this.#tokens.size
      case 'approle':
      case 'kubernetes': {
        const role = { policies: ['default'], ttl: 3600, maxTtl: 0, ...body } as unknown as Role
        const roles = name === 'approle' ? this.#appRoles : this.#kubernetesRoles
        return roles.set(String(body['id']), role).size
      }
      case 'behave':
        this.#sealed = body['sealed'] === true
        this.#ignoresData = body['ignoresData'] === true
        this.#answers500 = body['answers500'] === true
        return null
      default:
        throw new Error(`no such command: ${name}`)
    }
  }
}

function authOf(name: string, { policies, endsMs, renewable }: Token, nowMs: number): object {
  const lease_duration = endsMs === Infinity ? 0 : Math.floor((endsMs - nowMs) / 1000)
  return {
    client_token: name,
    accessor: 'of a fake',
    policies,
    token_policies: policies,
    lease_duration,
    renewable,
  }
}

function encrypt({ versions }: TransitKey, plaintext: Buffer, data: Buffer): object {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', versions.at(-1) ?? '', iv).setAAD(data)
  const sealed = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  return {
    ciphertext: `vault:v${versions.length}:${sealed.toString('base64')}`,
    key_version: versions.length,
  }
}
