// The keys that vSphere knows: the owner of each, and the digest of its material, so that a later run can check whether
// the server still serves the same key. A digest is the SHA-256 of 256 random bits: it reveals nothing.

import type { EnumName } from '../../wire/kmip/enums.ts'

export type KeyKind = 'virtual machine' | 'host' | 'vSAN' | 'wrapping' | 'trial'

export interface KnownKey {
  readonly id: string
  /** The name of the virtual machine, host or cluster. */
  readonly owner: string
  readonly kind: KeyKind
  /** The state that the server reported last. */
  state: EnumName<'State'>
  /** Lower-case hex. Undefined until the key was fetched. */
  sha256: string | undefined
}

/** The form in a file. */
export interface SavedKey {
  readonly id: string
  readonly sha256: string
  readonly owner: string
  readonly kind: string
  readonly state: string
}

export class KeyInventory {
  readonly #keys = new Map<string, KnownKey>()
  readonly #idBySha256 = new Map<string, string>()

  /** The fault of a new key, if it has one. */
  made(id: string, owner: string, kind: KeyKind): string | undefined {
    const isKnown = this.#keys.has(id)
    this.#keys.set(id, { id, owner, kind, state: 'PreActive', sha256: undefined })
    return isKnown ? 'an identifier was given twice' : undefined
  }

  /** The fault in the result of a Get, if it has one. */
  fetched(id: string, sha256: string): string | undefined {
    const key = this.#keys.get(id)
    if (!key) return undefined
    const before = key.sha256
    const other = this.#idBySha256.get(sha256)
    key.sha256 = sha256
    this.#idBySha256.set(sha256, id)
    if (before !== undefined && before !== sha256) return 'the server returned another key than before'
    return other === undefined || other === id ? undefined : 'two identifiers have the same key'
  }

  get(id: string): KnownKey | undefined {
    return this.#keys.get(id)
  }

  state(id: string, state: EnumName<'State'>): void {
    const key = this.#keys.get(id)
    if (key) key.state = state
  }

  /** The key was destroyed, so the simulator does not ask for it again. */
  forget(id: string): void {
    this.#keys.delete(id)
  }

  /** The ids of all keys, in the order in which they were made. */
  ids(): readonly string[] {
    return [...this.#keys.keys()]
  }

  /** The keys that were fetched, sorted by owner. */
  saved(): readonly SavedKey[] {
    return [...this.#keys.values()]
      .flatMap(({ id, sha256, owner, kind, state }) =>
        sha256 === undefined ? [] : [{ id, sha256, owner, kind, state }],
      )
      .toSorted((a, b) => compareTexts(a.owner, b.owner) || compareTexts(a.id, b.id))
  }
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

// ---------------------------------------------------------------- The file

/** The file does not hold a list of keys. */
export class SavedKeysError extends Error {
  override readonly name = 'SavedKeysError'
}

export function savedKeysText(keys: readonly SavedKey[]): string {
  return `${JSON.stringify({ format: 'mortise-keys-1', keys }, null, 2)}\n`
}

/** Throws SavedKeysError. */
export function parseSavedKeys(text: string): readonly SavedKey[] {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new SavedKeysError('this is not JSON, so it is not a list of keys', { cause: error })
  }
  const { format, keys } = (content ?? {}) as { readonly format?: unknown; readonly keys?: unknown }
  if (format !== 'mortise-keys-1' || !Array.isArray(keys) || !keys.every(isSavedKey))
    throw new SavedKeysError('this is not a list of keys as --save writes it')
  return keys
}

function isSavedKey(value: unknown): value is SavedKey {
  if (typeof value !== 'object' || value === null) return false
  const { id, sha256, owner, kind, state } = value as Readonly<Record<keyof SavedKey, unknown>>
  return (
    [id, owner, kind, state].every((text) => typeof text === 'string') &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  )
}
