// What a restore brought back and what not, in the words of whoever ordered it. Pure.

import type { FoundJournal, Ignored } from './reading.ts'
import type { Journaled } from './journaled.ts'
import { labelOf, type Recovered, type RecoveredObject } from './rules.ts'
import type { Instance } from '../../trust/rows.ts'

export interface RecoveryReport {
  readonly instance: Instance
  /** That it had; null where the journal does not say. */
  readonly formerName: string | null
  /** Objects by the state they came back in. */
  readonly objects: Readonly<Record<string, number>>
  /** How many of them have their material. */
  readonly opens: number
  /** Identifiers of those that the journal does not know: they came back Active. */
  readonly unjournaled: readonly string[]
  /** Their standard keys were deleted in Key Protect: there, but not to be opened. */
  readonly deleted: readonly { readonly identifier: string; readonly label: string | null }[]
  /** A root key that was not named sealed them: there, but not to be opened. */
  readonly elsewhere: readonly { readonly identifier: string; readonly label: string | null }[]
  /** Sealed by the database alone: gone with it. */
  readonly lost: readonly { readonly identifier: string; readonly label: string | null }[]
  /** It was leaving for the custody database: what had arrived there is lost with it, and is told as deleted. */
  readonly leftFor: { readonly rootKeyUri: string; readonly atMs: number } | null
  /** Deleted standard keys that the journal does not know. */
  readonly unknown: number
  /** Standard keys that were left as they are. */
  readonly ignored: readonly Ignored[]
  readonly journal: {
    readonly parts: number
    /** Of the newest part; null: there is none. */
    readonly newestMs: number | null
    /** Parts that were deleted and not replaced: what they said is not known. */
    readonly missing: number
  }
}

export function reportOf(about: {
  readonly journal: FoundJournal
  readonly journaled: Journaled
  readonly recovered: Recovered
  readonly ignored: readonly Ignored[]
}): Omit<RecoveryReport, 'instance'> {
  const { journal, journaled, recovered } = about
  const states = Map.groupBy(recovered.objects, ({ object }) => object.state)
  const left = recovered.left.map(({ id, name, generation }) => ({
    id,
    name,
    why: `generation ${generation} is not the one that counts; it is not used, and was not deleted`,
  }))
  return {
    formerName: journaled.settings?.name ?? null,
    objects: Object.fromEntries([...states].map(([state, all]) => [state, all.length])),
    opens: recovered.objects.filter(({ outcome }) => outcome === 'opens').length,
    unjournaled: recovered.objects
      .filter((one) => !one.journaled)
      .map(({ object }) => object.uniqueIdentifier),
    deleted: named(recovered, 'deleted'),
    elsewhere: named(recovered, 'elsewhere'),
    lost: recovered.lost,
    leftFor: journaled.departures.findLast(({ custody }) => custody === 'database') ?? null,
    unknown: recovered.unknown.length,
    ignored: [...about.ignored, ...journal.ignored, ...left],
    journal: {
      parts: journal.parts.length,
      newestMs: journal.parts.reduce<number | null>(
        (newest, { number }) => Math.max(newest ?? 0, number),
        null,
      ),
      missing: journaled.missing,
    },
  }
}

function named({ objects }: Recovered, wanted: RecoveredObject['outcome']): RecoveryReport['deleted'] {
  return objects
    .filter(({ outcome }) => outcome === wanted)
    .map(({ object }) => ({ identifier: object.uniqueIdentifier, label: labelOf(object.attributes) }))
}
