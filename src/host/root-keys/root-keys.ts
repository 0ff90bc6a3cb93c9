// Opens root keys for this server: its own once, those of instances by their URI. It measures each call. Part of the
// composition root.

import type { RootKeys } from '../../core/ports/root-keys.ts'
import type { Clock } from '../../core/ports/clock.ts'
import {
  RootKeyError,
  type RootKey,
  type RootKeyVersions,
  type StandardKeys,
} from '../../core/ports/root-key.ts'
import { checkRootKey, listRootKeys, openRootKey, type RootKeyOptions } from '../../outside/rootkey/open.ts'
import type { Metrics } from '../../outside/telemetry/metrics.ts'
import type { Traces } from '../../outside/telemetry/traces.ts'
import { absoluteRootKey } from '../offline.ts'

export interface ServerRootKeys extends RootKeys {
  /** Opens a root key for the keyring. It creates none. */
  readonly open: (uri: string, instanceId: string) => Promise<RootKey>
}

export function serverRootKeys(options: {
  /** The server's own root key. */
  readonly own: RootKey
  readonly opening: Omit<RootKeyOptions, 'create'>
  /**
   * Whether the instance has an API key of its own for the service that the URI names; then the server's root key is
   * not shared with it.
   */
  readonly speaksForItself: (uri: string, instanceId: string) => Promise<boolean>
  readonly metrics: Pick<Metrics, 'rootKeyCalls'>
  readonly traces: Traces
  readonly clock: Clock
  /** Called with a warning about a root key that can be used all the same. */
  readonly warn: (message: string) => void
}): ServerRootKeys {
  const { own, opening, speaksForItself, metrics, traces, clock, warn } = options
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
      const seconds = (clock.monotonic() - began) / 1000
      metrics.rootKeyCalls.observe({ call, result }, seconds)
      traces.measured(`root key: ${call}`, { result }, seconds)
    }
  }
  return {
    initial: own.uri,
    open: async (uri, instanceId) => {
      const shared = uri === own.uri && !(await speaksForItself(uri, instanceId))
      return measured(
        shared ? own : await openRootKey(uri, { ...opening, create: false, instanceId }),
        measure,
      )
    },
    prepare: async (written, { standardKeys = false, opens = false, used = [], instanceId, apiKey } = {}) => {
      if (written === own.uri && !standardKeys && apiKey === undefined) return { uri: written, warnings: [] }
      const whole = (named: string) => absoluteRootKey(named, opening.dataFolder)
      const { uri, warnings } = await checkRootKey(written, {
        ...opening,
        standardKeys,
        opens,
        // The server writes files into its data folder only; an administrator makes a root key elsewhere. One that is away comes
        // back, and another in its place would be overwritten then.
        create: inDataFolder(written) && ![own.uri, ...used].some((uri) => whole(uri) === whole(written)),
        ...(apiKey !== undefined && { apiKey }),
        ...(instanceId !== undefined && { instanceId }),
      }).catch((error: unknown) => {
        throw isMissing(error) && !inDataFolder(written) ? madeElsewhere(error) : error
      })
      for (const warning of warnings) warn(warning)
      return { uri, warnings }
    },
    list: (uri, { instanceId, apiKey } = {}) =>
      listRootKeys(uri, {
        ...opening,
        create: false,
        ...(apiKey !== undefined && { apiKey }),
        ...(instanceId !== undefined && { instanceId }),
      }),
  }
}

type Measured = 'wrap' | 'unwrap' | 'rewrap' | 'metadata' | 'create' | 'read' | 'delete' | 'find'
type Measure = <T>(call: Measured, work: () => Promise<T>) => Promise<T>

function measured(rootKey: RootKey, measure: Measure): RootKey {
  const { uri, id, versions, standardKeys } = rootKey
  return {
    uri,
    id,
    wrap: async (plaintext, associatedData, correlationIds) =>
      measure('wrap', () => rootKey.wrap(plaintext, associatedData, correlationIds)),
    unwrap: async (wrapped, associatedData, correlationIds) =>
      measure('unwrap', () => rootKey.unwrap(wrapped, associatedData, correlationIds)),
    ...(versions && { versions: measuredVersions(versions, measure) }),
    ...(standardKeys && { standardKeys: measuredStandardKeys(standardKeys, measure) }),
  }
}

function measuredVersions(versions: RootKeyVersions, measure: Measure): RootKeyVersions {
  return {
    of: (wrapped) => versions.of(wrapped),
    newest: () => measure('metadata', () => versions.newest()),
    rewrap: (wrapped, associatedData, correlationIds) =>
      measure('rewrap', () => versions.rewrap(wrapped, associatedData, correlationIds)),
  }
}

/** `list` is not measured, because it takes as long as its list. */
function measuredStandardKeys(standardKeys: StandardKeys, measure: Measure): StandardKeys {
  return {
    payloadBytesMax: standardKeys.payloadBytesMax,
    create: (key, correlationIds) => measure('create', () => standardKeys.create(key, correlationIds)),
    read: (id, correlationIds) => measure('read', () => standardKeys.read(id, correlationIds)),
    remove: (id, correlationIds) => measure('delete', () => standardKeys.remove(id, correlationIds)),
    find: (name, options) => measure('find', () => standardKeys.find(name, options)),
    list: (namePrefix, options) => standardKeys.list(namePrefix, options),
  }
}

function isMissing(error: unknown): error is RootKeyError {
  if (!(error instanceof RootKeyError) || !(error.cause instanceof Error)) return false
  return 'code' in error.cause && error.cause.code === 'ENOENT'
}

function madeElsewhere(error: RootKeyError): RootKeyError {
  const message = `${error.message} A new one is made in the data folder alone, under a name such as file:new.key.`
  return new RootKeyError(error.reach, message, { cause: error.cause })
}

/** Whether the URI names a file in the data folder, by a name that no other file there can have. */
function inDataFolder(uri: string): boolean {
  return /^file:[A-Za-z0-9][A-Za-z0-9._-]*\.key$/.test(uri)
}
