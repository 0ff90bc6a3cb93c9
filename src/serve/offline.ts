// Root keys for those who work on a backup or a data folder without a server: as the configuration says, none is made
// unless somebody asks for it. Part of the composition root.

import type { Config } from '../config.ts'
import type { RootKey } from '../ports/root-key.ts'
import { openRootKey } from '../rootkey/open.ts'
import type { Log } from '../telemetry/log.ts'
import { readPassphrase } from './first-start.ts'
import { openIbm } from './ibm.ts'
import { systemClock } from './system-clock.ts'

export interface OfflineRootKeys extends AsyncDisposable {
  /** Throws RootKeyError. */
  open(uri: string, how?: { readonly create: boolean }): Promise<RootKey>
}

export async function offlineRootKeys(config: Config, log: Log): Promise<OfflineRootKeys> {
  const { server } = config
  const { passphrase } = await readPassphrase(server.rootPassphraseFile)
  const ibm = await openIbm(config.ibm, systemClock, log)
  const options = {
    dataFolder: server.data,
    ...(passphrase && { passphrase }),
    acceptShortPassphrase: server.acceptShortPassphrase,
    keyProtect: ibm.sessions,
  }
  return {
    open: (uri, { create } = { create: false }) => openRootKey(uri, { ...options, create }),
    [Symbol.asyncDispose]: async () => ibm.sessions.close(),
  }
}
