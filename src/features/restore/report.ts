// The reports of restores: what came back and what did not, for the administrator who ordered one.

import type { Instance } from '../../core/trust/rows.ts'
import { firstName } from '../../core/keys/object/object-names.ts'
import type { LaterActs } from '../../core/backup/later.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import { liveObjects } from '../../core/instances/objects.ts'
import type { Store } from '../../core/ports/store.ts'
import type { DataKey } from '../../core/sealing/envelope.ts'
import type { Output } from '../../doors/http/route.ts'
import type { restoreRoutes } from './routes.ts'
import type { RestoreTally } from './write-whole.ts'
import type { FoundObject, RestoredObjects } from './sources/found-objects.ts'
import type { Ignored } from './sources/standard-keys.ts'

export interface KeyProtectReport {
  readonly instance: Instance
  /** The name that it had; null where nothing says it. */
  readonly formerName: string | null
  /** Objects by the state they came back in. */
  readonly objects: Readonly<Record<string, number>>
  /** How many of them have their material. */
  readonly opens: number
  /** Keys whose standard keys were deleted in Key Protect: the service still lists them, and does not open them. */
  readonly deleted: readonly { readonly identifier: string; readonly label: string | null }[]
  /** A root key that was not named wrapped them: there, but not to be opened. */
  readonly elsewhere: readonly { readonly identifier: string; readonly label: string | null }[]
  /** Objects whose Name a later object has: the restore left that Name out, since the instance lets no two objects share one, as far as is known. */
  readonly unnamed: readonly { readonly identifier: string; readonly label: string | null }[]
  /** The instance was moving its keys from Key Protect into the database: keys that were stored there and deleted here are lost with the database. */
  readonly leftFor: { readonly rootKeyUri: string; readonly atMs: number } | null
  /** When a server deleted it, with all its keys; null if nothing says so. */
  readonly deletedMs: number | null
  /** Keys of which every standard key was deleted: by their owner, or because they were destroyed. */
  readonly gone: number
  /** Standard keys that were left as they are. */
  readonly ignored: readonly Ignored[]
}

export function keyProtectReport(
  { objects, gone }: RestoredObjects,
  about: Pick<KeyProtectReport, 'instance' | 'formerName' | 'leftFor' | 'deletedMs' | 'ignored'>,
): KeyProtectReport {
  const states = Map.groupBy(objects, ({ object }) => object.state)
  return {
    ...about,
    objects: Object.fromEntries([...states].map(([state, all]) => [state, all.length])),
    opens: objects.filter(({ outcome }) => outcome === 'opens').length,
    deleted: named(objects, 'deleted'),
    elsewhere: named(objects, 'elsewhere'),
    unnamed: objects
      .filter(({ namesLost }) => namesLost.length > 0)
      .map(({ object, namesLost }) => ({ identifier: object.uniqueIdentifier, label: namesLost[0] ?? null })),
    gone: gone.length,
  }
}

function named(objects: readonly FoundObject[], kind: FoundObject['outcome']): KeyProtectReport['deleted'] {
  return objects
    .filter(({ outcome }) => outcome === kind)
    .map(({ object }) => ({ identifier: object.uniqueIdentifier, label: firstName(object) }))
}

export type BackupReport = Exclude<Output<typeof restoreRoutes.showInstanceRestore>['report'], null>

/** Objects that the report of a restore names in each of its lists. */
const restoreNamedMax = 200

export type NamedObjects = BackupReport['notOpening']

export class NamedObjectsTally implements NamedObjects {
  readonly named: string[] = []
  count = 0

  add(name: string): void {
    this.count += 1
    if (this.named.length < restoreNamedMax) this.named.push(name)
  }
}

/** Objects of the database that no data key of the backup opens: they were made after it. */
export async function countLost(
  store: Store,
  instanceId: string,
  keys: ReadonlyMap<string, DataKey>,
): Promise<NamedObjects> {
  const lost = new NamedObjectsTally()
  for await (const { sealed, dataKeyId, uniqueIdentifier } of liveObjects({ store, instanceId }))
    if (sealed !== null && dataKeyId !== null && !keys.has(dataKeyId)) lost.add(uniqueIdentifier)
  return lost
}

/** The result of a restore, and what is known to be missing. */
export interface RestoredBackup {
  readonly id: string
  readonly created: string
  readonly instances: readonly { readonly name: string; readonly objects: number; readonly custody: string }[]
  readonly entries: number
  readonly clients: readonly string[]
  readonly rootKeys: readonly string[]
  readonly rootKeysMissing: readonly string[]
  /** Null: no audit export was given. */
  readonly applied: {
    readonly upTo: string | null
    readonly entries: number
    readonly revoked: number
    readonly destroyed: number
    /** Destroyed before the backup, and brought back after it. */
    readonly broughtBack: number
    readonly blocked: number
  } | null
  /** Objects that were made or adopted after the backup, as the audit export names them; null: no export was named. */
  readonly keysLost: readonly string[] | null
  /** Clients, certificates and CAs that are not trusted any more. */
  readonly withdrawn: readonly string[]
  /** Clients that may ask for less than the backup says, with what that is. */
  readonly limited: readonly string[]
  /** Audit entries that were written after the backup, as an outside checkpoint says. */
  readonly beyond: { readonly entries: number; readonly at: string } | null
}

export function wholeBackupReport(
  manifest: Manifest,
  found: {
    readonly later: LaterActs | null
    readonly beyond: { readonly entries: number; readonly atMs: number } | null
    readonly tally: RestoreTally
    readonly names: readonly string[]
    readonly missing: readonly string[]
  },
): RestoredBackup {
  const { later, beyond, tally, names, missing } = found
  const { id, created, instances, audit, rootKeys } = manifest
  return {
    id,
    created,
    instances: instances.map(({ name, objects, custody }) => ({ name, objects, custody })),
    entries: audit.entries,
    clients: [...names],
    rootKeys: rootKeys.map(({ uri }) => uri),
    rootKeysMissing: [...missing],
    applied: later && {
      upTo: later.upToMs === null ? null : new Date(later.upToMs).toISOString(),
      entries: later.entries,
      revoked: tally.revoked,
      destroyed: tally.destroyed,
      broughtBack: tally.broughtBack,
      blocked: tally.blocked,
    },
    keysLost: later && [...later.made],
    withdrawn: [...tally.withdrawn],
    limited: [...tally.limited],
    beyond: beyond && { entries: beyond.entries, at: new Date(beyond.atMs).toISOString() },
  }
}
