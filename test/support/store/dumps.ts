// All records of a store, for tests that compare whole stores.

import { encodeRecord } from '../../../src/core/backup/records.ts'
import { openDump } from '../../../src/host/store-place.ts'

/** Each record of a database file, or of postgres://..., as a backup writes it. */
export async function dumpOf(place: string): Promise<readonly string[]> {
  const dump = await openDump(
    place.startsWith('postgres:')
      ? { kind: 'postgres', url: place, passwordFile: null }
      : { kind: 'sqlite', file: place },
  )
  const records: string[] = []
  for await (const page of dump.pages())
    records.push(...page.map((record) => encodeRecord(record).toString()))
  await dump.close()
  return records
}
