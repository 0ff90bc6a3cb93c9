// The list of what features do in each process that serves KMIP: the server itself, or each worker. What they do at the admin door is in
// features.ts.

import type { Bring } from '../core/keys/transaction/bring.ts'
import { openUpstreams } from '../features/adopt/upstreams.ts'

const list = { upstreams: openUpstreams }

/** A feature's part in such a process. */
interface KmipPart {
  /** Looks elsewhere for an object that is not here. */
  readonly bring?: Bring
  /** The part's state in this process: a message to the server's own process. */
  report(): Promise<unknown>
}

type List = typeof list
type Open<Needs> = (needs: Needs, opened: AsyncDisposableStack) => KmipPart
type NeedsOf<F> = F extends Open<infer Needs> ? (needs: Needs) => void : never
type Needs = NeedsOf<List[keyof List]> extends (needs: infer All) => void ? All : never

export type KmipParts = { readonly [Name in keyof List]: ReturnType<List[Name]> }
export type KmipReports = { readonly [Name in keyof List]: Awaited<ReturnType<KmipParts[Name]['report']>> }

export interface KmipFeatures {
  /** Each by its name. */
  readonly parts: KmipParts
  /** undefined: no feature looks elsewhere for objects. */
  readonly bring: Bring | undefined
  readonly reports: () => Promise<KmipReports>
}

/** Opens every part; what closes them is registered on `opened`. */
export function openKmipFeatures(needs: Needs, opened: AsyncDisposableStack): KmipFeatures {
  const open: readonly (readonly [string, Open<Needs>])[] = Object.entries(list)
  const parts = open.map(([name, one]) => [name, one(needs, opened)] as const)
  return {
    parts: Object.fromEntries(parts) as unknown as KmipParts,
    bring: parts.find(([, { bring }]) => bring)?.[1].bring,
    reports: async () => {
      const reports = await Promise.all(
        parts.map(async ([name, part]) => [name, await part.report()] as const),
      )
      return Object.fromEntries(reports) as unknown as KmipReports
    },
  }
}
