// Facts about itself that the server remembers across restarts: which root keys were copied elsewhere, when the audit log was
// exported, when a token was recovered. Each note is a secret, so that write access to the database is not enough to forge it.
// Notes decide no access.

import type { AuditEntry } from '../ports/audit.ts'
import type { SecretRecord } from '../ports/secrets.ts'
import type { Secrets } from './secrets.ts'

/** A copy of a root key file exists elsewhere. */
export interface RootKeyCopy {
  /** The id of the key itself, not of its file. */
  readonly rootKeyId: string
  readonly atMs: number
  /** The name of the token of the administrator who confirmed it. */
  readonly by: string
  /** Whether the copy was opened, and not only confirmed. */
  readonly verified: boolean
}

export interface AuditExport {
  readonly atMs: number
  readonly by: string
}

export interface NotedRecovery {
  readonly atMs: number
  readonly tokenId: string
}

/** The acts that needed a second person at the last start that changed this list. */
export interface GuardedActs {
  readonly acts: readonly string[]
  readonly before: readonly string[]
  readonly atMs: number
  /** The node that started. Null: there is only one node. */
  readonly node: string | null
}

export interface Notes {
  readonly 'root-key-copies': readonly RootKeyCopy[]
  readonly 'audit-export': AuditExport
  readonly 'token-recovery': NotedRecovery
  readonly 'guarded-acts': GuardedActs
}

type NoteSecrets = Pick<Secrets, 'fresh' | 'put' | 'change' | 'seal'>

export class ServerNotes {
  readonly #secrets: NoteSecrets

  constructor(secrets: NoteSecrets) {
    this.#secrets = secrets
  }

  async read<N extends keyof Notes>(name: N): Promise<Notes[N] | undefined> {
    return parsed(await this.#secrets.fresh(secretName(name))) as Notes[N] | undefined
  }

  /** Replaces the note, together with audit entries. Durable on return. */
  async write<N extends keyof Notes>(
    name: N,
    note: Notes[N],
    entries: readonly AuditEntry[] = [],
  ): Promise<void> {
    await this.#secrets.put(secretName(name), Buffer.from(JSON.stringify(note)), entries)
  }

  /** Replaces the note by the result of `changed` on its present value, together with audit entries. Durable on return. */
  async change<N extends keyof Notes>(
    name: N,
    changed: (note: Notes[N] | undefined) => Notes[N],
    entries: readonly AuditEntry[],
  ): Promise<void> {
    const made = (now: Buffer | undefined) =>
      Buffer.from(JSON.stringify(changed(parsed(now) as Notes[N] | undefined)))
    await this.#secrets.change(secretName(name), made, entries)
  }

  /** The note as a record, for a caller that commits it with other writes. */
  record<N extends keyof Notes>(name: N, note: Notes[N]): SecretRecord {
    return this.#secrets.seal(secretName(name), Buffer.from(JSON.stringify(note)))
  }
}

function secretName(name: keyof Notes): string {
  return `note-${name}`
}

function parsed(bytes: Buffer | undefined): unknown {
  return bytes && JSON.parse(bytes.toString('utf8'))
}
