// Tries a root key from the machine of the server, with its configuration, before an instance gets it; and makes one on a token. Part
// of the composition root.

import type { Config } from '../config.ts'
import { checkRootKey, createRootKey, type CheckedRootKey, type RootKeyOptions } from '../rootkey/open.ts'
import type { Log } from '../telemetry/log.ts'
import { readPassphrase } from './first-start.ts'
import { openClouds } from './clouds.ts'
import { openIbm } from './ibm.ts'
import { systemClock } from './system-clock.ts'
import { openTokens } from './tokens.ts'

/** Throws RootKeyError and StartError. */
export async function tryRootKey(
  { config, log }: { readonly config: Config; readonly log: Log },
  { uri, create }: { readonly uri: string; readonly create: boolean },
): Promise<CheckedRootKey> {
  await using opened = new AsyncDisposableStack()
  const options = { ...(await openingOf(config, log, opened)), create: false }
  if (create) await createRootKey(uri, options)
  return await checkRootKey(uri, options)
}

/** What opens root keys for a command, with the credentials of the configuration. Registers what must be closed on `opened`. */
export async function openingOf(
  config: Config,
  log: Pick<Log, 'debug' | 'warn'>,
  opened: AsyncDisposableStack,
): Promise<Omit<RootKeyOptions, 'create'>> {
  const { server } = config
  const { passphrase } = await readPassphrase(server.rootPassphraseFile)
  const ibm = await openIbm(config.ibm, systemClock, log)
  opened.defer(() => ibm.sessions.close())
  const clouds = await openClouds(config, systemClock, log)
  opened.defer(() => clouds.close())
  const tokens = openTokens(config, systemClock, log)
  opened.defer(() => tokens.close())
  return {
    dataFolder: server.data,
    ...(passphrase && { passphrase }),
    keyProtect: ibm.sessions,
    clouds,
    tokens,
  }
}
