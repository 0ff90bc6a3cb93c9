// Opens tokens (HSMs) for root keys by the configuration, with a log line for each helper process that ends. Part of the composition root.

import type { Config } from '../../outside/config/options.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { Pkcs11Tokens } from '../../outside/rootkey/pkcs11/tokens.ts'
import type { Log } from '../../core/ports/log.ts'

export function openTokens(
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
