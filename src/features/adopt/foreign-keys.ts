// Opens what `adopt probe` and `adopt ibm-standard-keys` need of Key Protect and of the old KMIP server, and closes it
// afterwards. Part of the composition root.

import { openOldServer } from './old-server.ts'
import { probe, type Probed } from './probe.ts'
import type { OpenStandardKeys } from './standard-keys.ts'
import type { ClientOptions } from '../../outside/kmip-client/client.ts'
import type { Config } from '../../outside/config/options.ts'
import { openForeignKeys } from '../../outside/rootkey/keyprotect/foreign-keys.ts'
import { KeyProtectSessions } from '../../outside/rootkey/keyprotect/sessions.ts'
import { readCa } from '../../host/root-keys/credential-files.ts'
import { systemClock } from '../../host/system-clock.ts'

/** The places that `adopt probe` looks at. */
interface ProbeRequest {
  readonly rootKey: string
  readonly apiKey: string
  /** The old service, while it still answers. */
  readonly kmip?: Pick<ClientOptions, 'addresses' | 'cert' | 'key' | 'trust'>
  readonly keysMax?: number
  readonly onProgress: (done: number) => void
}

/** With an API key that is used for this alone, and that nothing remembers. */
export function openStandardKeys({
  iamUrl,
  caFile,
}: Pick<Config['ibm'], 'iamUrl' | 'caFile'>): OpenStandardKeys {
  return async ({ rootKey, apiKey }) => {
    const ca = caFile === null ? undefined : await readCa(caFile, 'MORTISE_IBM_CA_FILE')
    const sessions = new KeyProtectSessions({
      iamUrl,
      ...(ca !== undefined && { ca }),
      apiKey: () => Promise.resolve(apiKey),
      clock: systemClock,
      advises: 'ReaderPlus',
    })
    try {
      const keys = await openForeignKeys(rootKey, { sessions, instanceId: null })
      return Object.assign(keys, { [Symbol.asyncDispose]: async () => sessions.close() })
    } catch (error) {
      sessions.close()
      throw error
    }
  }
}

/** Rejects with RootKeyError, KmipRefused, KmipTransportError and TlsOptionsError, each with a message for a person. */
export async function probeStandardKeys(
  ibm: Pick<Config['ibm'], 'iamUrl' | 'caFile'>,
  { kmip, keysMax, onProgress, ...service }: ProbeRequest,
): Promise<Probed> {
  const live = kmip && (await openOldServer(kmip))
  try {
    await using source = await openStandardKeys(ibm)(service)
    return await probe({ source, live, keysMax, onProgress })
  } finally {
    await live?.close()
  }
}
