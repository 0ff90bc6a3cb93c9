// What the service tells of a key, read from its JSON once. Fields that are missing are not there; more is not read
// than is used.

import { field } from './error.ts'

export interface KeyMetadata {
  readonly id: string
  readonly name: string
  readonly aliases: readonly string[]
  readonly state: KeyState
  /** false: a root key. */
  readonly extractable: boolean
  readonly keyRing: string
  /** RFC 3339, as the service wrote them. */
  readonly createdAt: string | null
  readonly lastRotatedAt: string | null
  readonly expiresAt: string | null
  /** Id of the newest version. */
  readonly keyVersion: string | null
}

/** There is no 4. */
const states = {
  0: 'pre-activation',
  1: 'active',
  2: 'suspended',
  3: 'deactivated',
  5: 'destroyed',
} as const

export type KeyState = (typeof states)[keyof typeof states] | 'unknown'

/** The keys of a collection. undefined: not a collection. */
export function readKeys(json: unknown): readonly KeyMetadata[] | undefined {
  return readResources(json)?.flatMap((resource) => readKey(resource) ?? [])
}

/** What a collection has; an empty one has no `resources` at all. undefined: not a collection. */
export function readResources(json: unknown): readonly unknown[] | undefined {
  if (field(json, 'metadata') === undefined && field(json, 'resources') === undefined) return undefined
  const resources = field(json, 'resources') ?? []
  return Array.isArray(resources) ? resources : undefined
}

export function readKey(resource: unknown): KeyMetadata | undefined {
  const text = (name: string) => {
    const value = field(resource, name)
    return typeof value === 'string' && value !== '' ? value : null
  }
  const id = text('id')
  if (id === null) return undefined
  const state = Number(field(resource, 'state'))
  const aliases = field(resource, 'aliases')
  const version = field(field(resource, 'keyVersion'), 'id')
  return {
    id: id.toLowerCase(),
    name: text('name') ?? '',
    aliases: Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : [],
    state: isState(state) ? states[state] : 'unknown',
    extractable: field(resource, 'extractable') !== false,
    keyRing: text('keyRingID') ?? 'default',
    createdAt: text('creationDate'),
    lastRotatedAt: text('lastRotateDate'),
    expiresAt: text('expirationDate'),
    keyVersion: typeof version === 'string' ? version : null,
  }
}

function isState(state: number): state is keyof typeof states {
  return Object.hasOwn(states, state)
}
