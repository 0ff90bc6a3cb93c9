// `adopt probe`: what the probe needs of Key Protect and of the old KMIP server, opened for it and closed afterwards. Part of
// the composition root.

import { openOldServer } from '../adopt/old-server.ts'
import { probe, type ProbeReport } from '../adopt/probe.ts'
import type { ProbeWanted } from '../cli/world.ts'
import type { Config } from '../config.ts'
import { openForeignKeys } from '../rootkey/keyprotect/foreign-keys.ts'
import { KeyProtectSessions } from '../rootkey/keyprotect/sessions.ts'
import { readCa } from './ibm.ts'
import { systemClock } from './system-clock.ts'

/** Rejects with RootKeyError, KmipRefused, KmipTransportError and TlsOptionsError, each with a message for a person. */
export async function probeStandardKeys(
  { iamUrl, caFile }: Pick<Config['ibm'], 'iamUrl' | 'caFile'>,
  { rootKey, apiKey, kmip, keysMax, onProgress }: ProbeWanted,
): Promise<ProbeReport> {
  const ca = caFile === null ? undefined : await readCa(caFile)
  const sessions = new KeyProtectSessions({
    iamUrl,
    ...(ca !== undefined && { ca }),
    apiKey: () => Promise.resolve(apiKey),
    clock: systemClock,
    advises: 'ReaderPlus',
  })
  try {
    const live = kmip && (await openOldServer(kmip))
    try {
      const source = await openForeignKeys(rootKey, { sessions, instanceId: null })
      return await probe({ source, live, keysMax, onProgress })
    } finally {
      await live?.close()
    }
  } finally {
    sessions.close()
  }
}
