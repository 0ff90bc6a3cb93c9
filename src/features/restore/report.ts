// Reports what a restore brought back and what not, for whoever ordered it. Pure.

import type { Instance } from '../../core/trust/rows.ts'
import { firstName } from '../../core/keys/object/object-names.ts'
import type { RestoredObject, RestoredObjects } from './objects.ts'
import type { Ignored } from './reading.ts'

export interface RestoreReport {
  readonly instance: Instance
  /** The name that it had; null where nothing says it. */
  readonly formerName: string | null
  /** Objects by the state they came back in. */
  readonly objects: Readonly<Record<string, number>>
  /** How many of them have their material. */
  readonly opens: number
  /** Their standard keys were deleted in Key Protect: there, but not to be opened. */
  readonly deleted: readonly { readonly identifier: string; readonly label: string | null }[]
  /** A root key that was not named wrapped them: there, but not to be opened. */
  readonly elsewhere: readonly { readonly identifier: string; readonly label: string | null }[]
  /** They had a Name that an object has which was made later: the instance lets no two share one, as far as is known. */
  readonly unnamed: readonly { readonly identifier: string; readonly label: string | null }[]
  /** It was leaving for the custody database: what had arrived there and was deleted here is lost with it. */
  readonly leftFor: { readonly rootKeyUri: string; readonly atMs: number } | null
  /** When a server deleted it, with all its keys; null if nothing says so. */
  readonly deletedMs: number | null
  /** Keys of which every standard key was deleted: by their owner, or because they were destroyed. */
  readonly gone: number
  /** Standard keys that were left as they are. */
  readonly ignored: readonly Ignored[]
}

export function reportOf(
  { objects, gone }: RestoredObjects,
  about: Pick<RestoreReport, 'instance' | 'formerName' | 'leftFor' | 'deletedMs' | 'ignored'>,
): RestoreReport {
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

function named(
  objects: readonly RestoredObject[],
  wanted: RestoredObject['outcome'],
): RestoreReport['deleted'] {
  return objects
    .filter(({ outcome }) => outcome === wanted)
    .map(({ object }) => ({ identifier: object.uniqueIdentifier, label: firstName(object) }))
}
