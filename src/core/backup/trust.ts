// Reads the trust and the data keys in a backup: its first records. It does not read the rest.

import type { DumpedRecord } from '../ports/backup.ts'
import { tooOldFor, type StoreFeature } from '../ports/least-version.ts'
import type { DataKeyRecord, SecretRecord } from '../ports/secrets.ts'
import type { DataKey } from '../sealing/envelope.ts'
import { openMacKey } from '../sealing/secrets.ts'
import { readRows, type TrustReading } from '../trust/rows.ts'
import { BackupError } from './error.ts'
import type { BackupOpener } from './openers.ts'
import { RecordStream } from './stream.ts'

/** Throws BackupError. */
export async function readTrust(
  pages: AsyncIterable<readonly DumpedRecord[]>,
  opener: BackupOpener,
): Promise<{
  readonly features: readonly StoreFeature[]
  readonly reading: TrustReading
  readonly secrets: readonly SecretRecord[]
  readonly systemKey: DataKey
  readonly dataKeys: readonly DataKeyRecord[]
}> {
  await using stream = new RecordStream(pages)
  const features = await stream.all('leastVersion')
  const tooOld = tooOldFor(features)
  if (tooOld !== null) throw new BackupError(`this backup is not read: ${tooOld}`)
  const [version = 0] = await stream.all('trustVersion')
  const secrets = await stream.all('secret')
  const systemKey = await opener.systemKey(secrets)
  const reading = readRows(openMacKey(systemKey, secrets), version, await stream.all('trust'))
  return { features, reading, secrets, systemKey, dataKeys: await stream.all('dataKey') }
}
