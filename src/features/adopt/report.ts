// Counts what an adoption did. Each list names a bounded number of objects and counts all of them.

/** Objects that a report names of each kind of trouble; it counts the rest. */
export const adoptReportedMax = 1_000
export const adoptReportedCharactersMax = 4_000

/** Objects that an administrator should look at. */
export interface ListedObjects {
  readonly count: number
  /** The first `adoptReportedMax`. The old server's words may be in `why`, which ends where they are too long. */
  readonly items: readonly { readonly id: string; readonly why: string }[]
}

export interface AdoptionReport {
  /** The old server: HOST:PORT, and the version of KMIP that it was asked in; or the service instance, and null. */
  readonly server: string
  readonly version: string | null
  readonly dryRun: boolean
  /** Identifiers that the adoption examined. */
  readonly objects: number
  readonly adopted: number
  /** Adopted before, and changed at the old server since. */
  readonly updated: number
  readonly unchanged: number
  /** The identifier is here with other bytes, or was destroyed here. Nothing was overwritten. */
  readonly conflicts: ListedObjects
  /** Adopted without a Name that another object has; it is kept as a custom attribute. */
  readonly sharedNames: ListedObjects
  /** Mortise cannot store them. */
  readonly notStored: ListedObjects
  /** By Object Type, of those. */
  readonly notStoredTypes: Readonly<Record<string, number>>
  /** The old server does not hand them out. */
  readonly notExported: ListedObjects
  /** Adopted without attributes that the old server does not give. */
  readonly withoutAttributes: ListedObjects
  /** Not adopted, since nothing checks that these are the bytes of the key. */
  readonly notChecked: ListedObjects
  /** Adopted without a check, as the request said. */
  readonly unchecked: number
  /** Both servers' objects compared: read back afterwards, or before they were adopted; null: not asked for. */
  readonly verified: { readonly equal: number; readonly different: ListedObjects } | null
}

export type Listing =
  'conflicts' | 'sharedNames' | 'notStored' | 'notExported' | 'withoutAttributes' | 'notChecked' | 'different'

export class AdoptionTally {
  readonly #lists = new Map<Listing, { count: number; items: { id: string; why: string }[] }>()
  readonly #types = new Map<string, number>()
  readonly #counts = { adopted: 0, updated: 0, unchanged: 0, unchecked: 0, equal: 0 }

  count(what: 'adopted' | 'updated' | 'unchanged' | 'unchecked' | 'equal'): void {
    this.#counts[what]++
  }

  list(what: Listing, id: string, why: string): void {
    const list = this.#lists.get(what) ?? { count: 0, items: [] }
    this.#lists.set(what, list)
    list.count++
    if (list.items.length < adoptReportedMax)
      list.items.push({ id, why: why.slice(0, adoptReportedCharactersMax) })
  }

  notStored(id: string, objectType: string, why: string): void {
    this.#types.set(objectType, (this.#types.get(objectType) ?? 0) + 1)
    this.list('notStored', id, why)
  }

  report(
    about: Pick<AdoptionReport, 'server' | 'version' | 'dryRun' | 'objects'>,
    verified: boolean,
  ): AdoptionReport {
    const listed = (what: Listing): ListedObjects => this.#lists.get(what) ?? { count: 0, items: [] }
    const { equal, ...counts } = this.#counts
    return {
      ...about,
      ...counts,
      conflicts: listed('conflicts'),
      sharedNames: listed('sharedNames'),
      notStored: listed('notStored'),
      notStoredTypes: Object.fromEntries(this.#types),
      notExported: listed('notExported'),
      withoutAttributes: listed('withoutAttributes'),
      notChecked: listed('notChecked'),
      verified: verified ? { equal, different: listed('different') } : null,
    }
  }
}
