// Root keys as this server opens them: its own once, those of instances by their URI, each call measured. Part of the
// composition root.

import type { RootKeys } from './admin/context.ts'
import { RootKeyError, type Clock, type RootKey } from './keys/ports.ts'
import { checkRootKey, listRootKeys, openRootKey, type RootKeyOptions } from './rootkey/open.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface ServerRootKeys extends RootKeys {
  /** For the keyring. Makes no root key. */
  readonly open: (uri: string, instanceId: string) => Promise<RootKey>
}

export function serverRootKeys(options: {
  /** The server's own. */
  readonly own: RootKey
  readonly opening: Omit<RootKeyOptions, 'create'>
  readonly metrics: Pick<Metrics, 'rootKeyCalls'>
  readonly clock: Clock
  /** For what an administrator should know of a root key that will do. */
  readonly warn: (message: string) => void
}): ServerRootKeys {
  const { own, opening, metrics, clock, warn } = options
  const measure: Measure = async (call, work) => {
    const began = clock.monotonic()
    let result = 'failed'
    try {
      const value = await work()
      result = 'ok'
      return value
    } catch (error) {
      if (error instanceof RootKeyError) result = error.reach
      throw error
    } finally {
      metrics.rootKeyCalls.observe({ call, result }, (clock.monotonic() - began) / 1000)
    }
  }
  return {
    initial: own.uri,
    open: async (uri, instanceId) =>
      measured(
        uri === own.uri ? own : await openRootKey(uri, { ...opening, create: false, instanceId }),
        measure,
      ),
    prepare: async (given) => {
      if (given === own.uri) return given
      // A file elsewhere is the administrator's to make: the server writes into its data folder only.
      const { uri, warnings } = await checkRootKey(given, { ...opening, create: inDataFolder(given) })
      for (const warning of warnings) warn(warning)
      return uri
    },
    list: (uri) => listRootKeys(uri, { ...opening, create: false }),
  }
}

type Measure = <T>(call: 'wrap' | 'unwrap', work: () => Promise<T>) => Promise<T>

function measured(rootKey: RootKey, measure: Measure): RootKey {
  return {
    uri: rootKey.uri,
    id: rootKey.id,
    wrap: async (plaintext, associatedData) => measure('wrap', () => rootKey.wrap(plaintext, associatedData)),
    unwrap: async (wrapped, associatedData) =>
      measure('unwrap', () => rootKey.unwrap(wrapped, associatedData)),
  }
}

/** Under a name that nothing else there has. */
function inDataFolder(uri: string): boolean {
  return /^file:[A-Za-z0-9][A-Za-z0-9._-]*\.key$/.test(uri)
}
