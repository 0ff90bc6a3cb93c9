// What the Key Protect fake and IAM knows: service instances, keys with their versions, key rings, service IDs with
// their policies, and a clock that can be moved. Kept in memory; written to a file soon after each change where one is named.

import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

export const roles = ['Reader', 'ReaderPlus', 'Writer', 'Manager', 'KeyPurge'] as const
export type Role = (typeof roles)[number]

/** What a service ID may do in one instance: everywhere, in one key ring, or with one key. */
export interface Policy {
  instance: string
  roles: Role[]
  keyRing?: string
  key?: string
}

export interface ServiceId {
  id: string
  /** null: it was deleted. */
  apiKey: string | null
  policies: Policy[]
}

export interface KeyVersion {
  id: string
  creationDate: string
  /** Base64, 16, 24 or 32 bytes; null once purged. */
  material: string
}

export interface Key {
  instance: string
  id: string
  name: string
  aliases: { alias: string; creationDate: string; createdBy: string }[]
  description: string
  tags: string[]
  /** 1 active, 2 suspended, 3 deactivated, 5 destroyed. */
  state: 1 | 2 | 3 | 5
  extractable: boolean
  imported: boolean
  keyRing: string
  createdBy: string
  creationDate: string
  lastUpdateDate: string
  lastRotateDate?: string
  expirationDate?: string
  deletionDate?: string
  deletedBy?: string
  /** Milliseconds of the last change of state, for the rules that make one wait. */
  stateChangedMs: number
  /** Newest last. Of a standard key there is one, and it is no version but the payload. */
  versions: KeyVersion[]
}

export interface Contents {
  /** Status of the answer to a caller that lacks a role. The documentation has both. */
  missingRoleStatus: 401 | 403
  clockOffsetMs: number
  account: string
  region: string
  tokenSecret: string
  tokenLifeSeconds: number
  /** Tokens with a smaller number are no longer good. */
  tokensFrom: number
  tokensIssued: number
  instances: string[]
  keyRings: { instance: string; id: string; creationDate: string; createdBy: string }[]
  serviceIds: ServiceId[]
  keys: Key[]
  /** With which the old service wraps its keys; left out: none. */
  kmipForVmwareAad?: string[]
}

export class State {
  readonly contents: Contents
  readonly #file: string | undefined
  readonly #byId = new Map<string, Key>()
  /** Keys that one search covers; above it is refused. */
  searchKeysMax = 5_000
  /** Lists and searches know nothing of a key for so long. */
  listLagMs = 0
  #saving: NodeJS.Timeout | undefined

  constructor(file: string | undefined) {
    this.#file = file
    this.contents =
      file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Contents) : empty()
    for (const key of this.contents.keys) this.#byId.set(key.id, key)
  }

  nowMs(): number {
    return Date.now() + this.contents.clockOffsetMs
  }

  /** RFC 3339 in whole seconds, as Key Protect writes dates. */
  date(offsetMs = 0): string {
    return `${new Date(this.nowMs() + offsetMs).toISOString().slice(0, 19)}Z`
  }

  /** By id or alias, as it is at this moment: an expiry takes effect when it is looked at. */
  key(instance: string, idOrAlias: string): Key | undefined {
    const key =
      this.#byId.get(idOrAlias.toLowerCase()) ??
      this.contents.keys.find(
        (candidate) =>
          candidate.instance === instance && candidate.aliases.some(({ alias }) => alias === idOrAlias),
      )
    if (key?.instance !== instance) return undefined
    this.#expire(key)
    return key
  }

  keys(instance: string): Key[] {
    const keys = this.contents.keys.filter((key) => key.instance === instance)
    for (const key of keys) this.#expire(key)
    return keys
  }

  add(key: Key): void {
    this.contents.keys.push(key)
    this.#byId.set(key.id, key)
  }

  remove(key: Key): void {
    this.contents.keys.splice(this.contents.keys.indexOf(key), 1)
    this.#byId.delete(key.id)
  }

  #expire(key: Key): void {
    const expired = key.expirationDate !== undefined && Date.parse(key.expirationDate) <= this.nowMs()
    if (expired && (key.state === 1 || key.state === 2)) key.state = 3
  }

  /** Soon: with thousands of keys a file for each call would be most of the work. The process ends with saveWhatIsLeft. */
  save(): void {
    this.#saving ??= setTimeout(() => this.saveNow(), saveAfterMs)
  }

  saveWhatIsLeft(): void {
    if (this.#saving) this.saveNow()
  }

  /** A reader of the file sees the old one or the new one. */
  saveNow(): void {
    clearTimeout(this.#saving)
    this.#saving = undefined
    if (this.#file === undefined) return
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.contents), { mode: 0o600 })
    renameSync(`${this.#file}.new`, this.#file)
  }
}

const saveAfterMs = 1_000

function empty(): Contents {
  return {
    missingRoleStatus: 403,
    clockOffsetMs: 0,
    account: randomBytes(16).toString('hex'),
    region: 'us-south',
    tokenSecret: randomBytes(32).toString('hex'),
    tokenLifeSeconds: 3600,
    tokensFrom: 0,
    tokensIssued: 0,
    instances: [],
    keyRings: [],
    serviceIds: [],
    keys: [],
  }
}

export function newServiceId(policies: Policy[]): ServiceId & { apiKey: string } {
  return { id: `ServiceId-${randomUUID()}`, apiKey: randomBytes(33).toString('base64url'), policies }
}
