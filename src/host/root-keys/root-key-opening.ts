// Opens the services of root keys that the configuration names: Key Protect and HPCS, clouds, tokens; and reads the passphrase of
// root key files. Part of the composition root.

import type { Config } from '../../outside/config/options.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { RootKeyFileReads } from '../../outside/rootkey/file-reads.ts'
import type { RootKeyOptions } from '../../outside/rootkey/open.ts'
import type { Log } from '../../core/ports/log.ts'
import { openClouds } from './clouds.ts'
import { readPassphrase } from '../first-start.ts'
import { openIbm, type Ibm } from './ibm.ts'
import { Pkcs11Tokens } from '../../outside/rootkey/pkcs11/tokens.ts'

/** The sections of the configuration that the services of root keys are opened by. */
export type RootKeyConfig = Pick<Config, 'server' | 'ibm' | 'pkcs11' | 'vault' | 'aws' | 'azure' | 'gcp'>

/** These sections alone, for a server that is to open root keys and to reach nothing else outside. */
export function rootKeyConfig({ server, ibm, pkcs11, vault, aws, azure, gcp }: Config): RootKeyConfig {
  return { server, ibm, pkcs11, vault, aws, azure, gcp }
}

export interface RootKeyOpening {
  /** For openRootKey and its like. */
  readonly opening: Omit<RootKeyOptions, 'create'> & { readonly reads: RootKeyFileReads }
  readonly ibm: Ibm
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
}

/** Registers what must be closed on `opened`. Throws RootKeyError and StartError. */
export async function openRootKeyServices(
  config: RootKeyConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Pick<Log, 'debug' | 'warn'> },
  opened: AsyncDisposableStack,
): Promise<RootKeyOpening> {
  const { data: dataFolder, rootPassphraseFile, acceptShortPassphrase } = config.server
  const { passphrase, warnings } = await readPassphrase(rootPassphraseFile)
  const ibm = await openIbm(config.ibm, clock, log)
  opened.defer(() => ibm.sessions.close())
  const clouds = await openClouds(config, clock, log)
  opened.defer(() => clouds.close())
  const tokens = openTokens(config, clock, log)
  opened.defer(() => tokens.close())
  const opening = {
    dataFolder,
    ...(passphrase && { passphrase }),
    acceptShortPassphrase,
    reads: new RootKeyFileReads(),
    keyProtect: ibm.sessions,
    clouds,
    tokens,
  }
  return { opening, ibm, warnings }
}

/** Opens the tokens (HSMs) that the configuration names, and logs each end of a helper process. */
function openTokens(
  { pkcs11, server }: Pick<Config, 'pkcs11' | 'server'>,
  clock: Clock,
  log: Pick<Log, 'warn'>,
): Pkcs11Tokens {
  return new Pkcs11Tokens({
    modules: pkcs11.modules,
    credentialsFolder: pkcs11.credentials,
    dataFolder: server.data,
    clock,
    onEnded: (ended) =>
      log.warn(ended, 'the process of a PKCS #11 module has ended; the next call starts another'),
  })
}
