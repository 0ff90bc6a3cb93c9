// Moves access records into the audit chain, inside the transaction that stores how far the log was moved. It skips frames up to
// the stored sequence number: an earlier commit moved them, but its answer was lost, or the file was not emptied after it.

import type { AccessRecord, AuditWrite } from '../../../core/ports/audit.ts'
import type { AuditChain } from '../audit/audit-chain.ts'
import { numberIn } from '../row.ts'
import { get, run, type Steps } from '../steps.ts'

/** The part of a record that the access log stores. The rest, `expect`, is checked before the log receives the record. */
export type MovedRecord = Pick<AccessRecord, 'entries' | 'fetched'>

/** Parses the records of one frame (access-frames.ts). */
export function movedRecords(json: string): readonly MovedRecord[] {
  return JSON.parse(json) as readonly MovedRecord[]
}

export function* moveAccess(
  chain: Pick<AuditChain, 'append'>,
  { log, frames }: AuditWrite & { readonly type: 'access-moved' },
): Steps<void> {
  const row = yield* get('metaNumber', log)
  const movedTo = row ? numberIn(row, 'value') : 0
  const left = frames.filter(({ sequence }) => sequence > movedTo)
  const latest = new Map<string, AccessRecord['fetched'][number]>()
  for (const { entries, fetched } of left.flatMap(({ records }) => movedRecords(records))) {
    for (const entry of entries) yield* chain.append(entry)
    for (const one of fetched) {
      const name = `${one.instanceId} ${one.uniqueIdentifier}`
      if ((latest.get(name)?.atMs ?? -Infinity) <= one.atMs) latest.set(name, one)
    }
  }
  for (const { atMs, instanceId, uniqueIdentifier } of latest.values())
    yield* run('fetched', atMs, instanceId, uniqueIdentifier)
  yield* run('accessMoved', log, frames.at(-1)?.sequence ?? 0)
}
