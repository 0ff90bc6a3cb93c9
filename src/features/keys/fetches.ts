// Reads in the audit log who fetched a key, when and how often. It reads a bounded part of the log, the newest first.

import type { AuditEntry } from '../../core/ports/audit.ts'
import { fetchesReadMax } from './bounds.ts'
import type { Needs } from './needs.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

interface Fetcher {
  readonly client: string
  readonly certificateSha256: string | null
  readonly address: string | null
  readonly times: number
  readonly firstMs: number
  readonly lastMs: number
}

export async function shownFetches(
  { audit }: Pick<Needs, 'audit'>,
  instanceId: string,
  uniqueIdentifier: string,
) {
  const query = {
    instanceId,
    object: uniqueIdentifier,
    action: 'key.get',
    result: 'success',
    order: 'newest',
    limit: fetchesReadMax,
  } as const
  const { entries, after } = await audit.list(query)
  const byParty = new Map<string, Fetcher>()
  for (const { body } of entries) add(byParty, JSON.parse(body) as AuditEntry)
  const by = [...byParty.values()].map(({ firstMs, lastMs, ...fetcher }) => {
    return { ...fetcher, first: isoTime(firstMs), last: isoTime(lastMs) }
  })
  return { times: entries.length, complete: after === null, by }
}

/** Entries come newest first. */
function add(byParty: Map<string, Fetcher>, { actor, atMs }: AuditEntry): void {
  const { id, name, certificateSha256, address } = actor
  const party = JSON.stringify([id, certificateSha256, address])
  const known = byParty.get(party)
  byParty.set(party, {
    client: name ?? id ?? actor.kind,
    certificateSha256,
    address,
    times: (known?.times ?? 0) + 1,
    firstMs: atMs,
    lastMs: known?.lastMs ?? atMs,
  })
}
