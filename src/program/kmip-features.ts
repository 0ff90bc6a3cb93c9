// Opens what features do in each process that serves KMIP: the server itself, or each worker.

import type { FetchUpstream } from '../core/keys/transaction/missing-object.ts'
import { load, type KmipOpeners } from './features.ts'

/** A feature's part in such a process. */
interface KmipPart {
  /** Looks elsewhere for an object that is not here. */
  readonly fetchUpstream?: FetchUpstream
  /** The part's state in this process: a message to the server's own process. */
  report(): Promise<unknown>
}

type Open<Needs> = (needs: Needs, opened: AsyncDisposableStack) => KmipPart
type NeedsOf<F> = F extends Open<infer Needs> ? (needs: Needs) => void : never
type Needs = NeedsOf<KmipOpeners[keyof KmipOpeners]> extends (needs: infer All) => void ? All : never

type PartOf<F> = F extends (needs: never, opened: never) => infer Part ? Extract<Part, KmipPart> : never
export type KmipParts = { readonly [Name in keyof KmipOpeners]: PartOf<KmipOpeners[Name]> }
export type KmipReports = {
  readonly [Name in keyof KmipOpeners]: Awaited<ReturnType<PartOf<KmipOpeners[Name]>['report']>>
}

export interface KmipFeatures {
  /** Each by its feature's name. */
  readonly parts: KmipParts
  /** undefined: no feature looks elsewhere for objects. */
  readonly fetchUpstream: FetchUpstream | undefined
  readonly reports: () => Promise<KmipReports>
}

/** Opens every part; what closes them is registered on `opened`. */
export async function openKmipFeatures(needs: Needs, opened: AsyncDisposableStack): Promise<KmipFeatures> {
  const loaded: readonly (readonly [string, Open<Needs>])[] = Object.entries(await load('kmip'))
  const parts = loaded.map(([name, open]) => [name, open(needs, opened)] as const)
  return {
    parts: Object.fromEntries(parts) as unknown as KmipParts,
    fetchUpstream: parts.find(([, { fetchUpstream }]) => fetchUpstream)?.[1].fetchUpstream,
    reports: async () => {
      const reports = await Promise.all(
        parts.map(async ([name, part]) => [name, await part.report()] as const),
      )
      return Object.fromEntries(reports) as unknown as KmipReports
    },
  }
}
