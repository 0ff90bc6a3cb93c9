// Decides whether the server may serve this database, which must not be older than its anchor. Part of the
// composition root.

import { statSync } from 'node:fs'
import path from 'node:path'
import type { AnchoredStore, AnchorVerdict } from '../ports/anchor.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import type { AuditEntry, AuditStore } from '../ports/audit.ts'
import type { LeaseStore } from '../ports/leases.ts'
import type { MarksEnd } from '../ports/marks.ts'
import type { SecretStore } from '../ports/secrets.ts'
import type { AcceptedEpoch } from '../custody/keyprotect/accepted-epochs.ts'
import type { Secrets } from '../sealing/secrets.ts'

/** The result of `restore-accept`. */
export interface AcceptedRestore {
  /** The fault, in words; null: there was no fault. */
  readonly found: string | null
  readonly trustVersion: number
  readonly checkpoint: number
  readonly tokensRevoked: number
  /** Marks that this server did not write, of keys that the audit log does not call destroyed. */
  readonly marksRemoved: number
  /** The only token that is valid now. */
  readonly token: string
  readonly tokenFile: string
  /**
   * The new epochs that say that this database counts. Each is recorded at the service of a root key beside which an instance
   * keeps its keys. `cause`: why the service has no record of it yet; null: it has one.
   */
  readonly epochs: readonly AcceptedEpoch[]
}

/** The result of `restore-accept` if the owner accepted the database on another node before. */
export interface AcceptedNode {
  readonly found: string
  /** The new anchor of this node. Nothing else was changed. */
  readonly anchorFile: string
}

/** The server serves nothing until the owner decides. The message has the known facts. */
export class RestoreNotAccepted extends Error {
  override readonly name = 'RestoreNotAccepted'
  /** Whether the owner may accept the database with `restore-accept`. */
  readonly acceptable: boolean
  /** Whether it was last used on another machine. */
  readonly moved: boolean
  /** Whether the owner accepted it on another node. */
  readonly elsewhere: boolean
  /** Whether one of several nodes has no anchor, as after the loss of its data folder. */
  readonly lostFolder: boolean
  constructor(
    message: string,
    {
      acceptable = false,
      moved = false,
      elsewhere = false,
      lostFolder = false,
    }: { acceptable?: boolean; moved?: boolean; elsewhere?: boolean; lostFolder?: boolean } = {},
  ) {
    super(message)
    this.acceptable = acceptable
    this.moved = moved
    this.elsewhere = elsewhere
    this.lostFolder = lostFolder
  }
}

/**
 * The server makes the anchor after the first secrets. If those are missing, the database is not the anchor's. Throws
 * RestoreNotAccepted.
 */
export async function refuseLostDatabase(store: AnchoredStore & SecretStore): Promise<void> {
  if (!store.hasAnchor() || (await store.secrets()).length > 0) return
  throw new RestoreNotAccepted(
    `the database is new or empty, but its anchor ${store.anchorFile} is there: the database was lost, or is not ` +
      'where it was. Nothing was changed. Bring the database back; to begin again with other keys, move the anchor away',
  )
}

type Checked = AnchoredStore & AuditStore & Pick<LeaseStore, 'node'>

/**
 * Checks the database against its anchor, which follows each sync from now on. Returns the end of the marks that the anchor
 * names. Throws RestoreNotAccepted.
 */
export async function holdToAnchor(store: Checked, secrets: Secrets): Promise<MarksEnd | null> {
  const replaced = secrets.replacedMacKeys().map((macKey) => macKey.anchorKey())
  const verdict = await store.anchor(secrets.anchorKey(), { needed: !secrets.bare, mode: 'keep', replaced })
  const difference = await disagreement(store, verdict)
  const elsewhere = verdict.state === 'accepted-elsewhere'
  const lostFolder = verdict.state === 'missing' && store.node !== null
  if (difference !== null)
    throw new RestoreNotAccepted(`${difference}. Nothing is served`, {
      acceptable: true,
      elsewhere,
      lostFolder,
    })
  return verdict.state === 'agrees' ? verdict.anchor.marks : null
}

/** Returns a sentence without its full stop, or null if the database agrees with its anchor. */
export async function disagreement(store: Checked, verdict: AnchorVerdict): Promise<string | null> {
  const { anchorFile } = store
  const [folder, name] = [path.dirname(anchorFile), path.basename(anchorFile)]
  // On PostgreSQL the folder holds only the anchor.
  const isBeside = store.node === null
  const [database, anchor] = isBeside ? [`the database in ${folder}`, name] : ['the database', anchorFile]
  switch (verdict.state) {
    case 'new':
    case 'agrees':
      return null
    case 'missing': {
      const backup = await restoredFrom(store)
      if (backup !== null) return `${database} was restored from ${backup}`
      const missing = isBeside
        ? `${database} was used before, but its anchor ${anchor} is missing`
        : `${database} was used before, but the anchor of this node, ${anchor}, is missing`
      return `${missing}: it cannot be told whether the database is the newest one`
    }
    case 'unreadable':
      return `the anchor ${name} in ${folder} does not belong to the database${isBeside ? ' beside it' : ''}: it cannot be told whether the database is the newest one`
    case 'accepted-elsewhere':
      return `the database was accepted on another node, as after a restore or after a failover that lost commits, and the anchor ${name} of this node in ${folder} is from before that`
    case 'lacking':
      return 'the database lost commits that another node was answered, as after a failover to a replica that did not have them'
    case 'older':
      return `${database} is older than its anchor ${anchor}, which was last written at ${writtenAt(anchorFile)}: ${verdict.findings.join('; ')}`
    default:
      return verdict satisfies never
  }
}

/** Describes the backup from which the database was made, according to its audit log, unless the owner accepted it since; null otherwise. */
async function restoredFrom(store: AuditStore): Promise<string | null> {
  const last = async (action: AuditAction): Promise<AuditEntry | undefined> => {
    const { entries } = await store.audit({ action, order: 'newest', limit: 1 })
    return entries[0] && (JSON.parse(entries[0].body) as AuditEntry)
  }
  const [restored, accepted] = [await last('backup.restore'), await last('server.restore-accept')]
  if (!restored || (accepted && accepted.atMs >= restored.atMs)) return null
  const { created, serverId, file } = restored.detail ?? {}
  return `the backup that the server ${serverId} made at ${created} (${file})`
}

function writtenAt(file: string): string {
  return statSync(file).mtime.toISOString()
}
