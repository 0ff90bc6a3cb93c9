// Root keys for work on a backup or a data folder without a server. The configuration says how they are opened, and none is made
// unless the caller asks for it. Part of the composition root.

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Config } from '../outside/config/options.ts'
import type { RootKey } from '../core/ports/root-key.ts'
import { isRootKeyFile } from '../base/root-key-file.ts'
import { rootKeyFilePath } from '../outside/rootkey/file.ts'
import { openRootKey } from '../outside/rootkey/open.ts'
import type { Log } from '../core/ports/log.ts'
import { systemClock } from './system-clock.ts'
import { openRootKeyServices } from './root-keys/root-key-opening.ts'

export interface OfflineRootKeys extends AsyncDisposable {
  /** Throws RootKeyError. */
  open(uri: string, how?: OpenOffline): Promise<RootKey>
}

interface OpenOffline {
  readonly create?: boolean
  /** The instance that has the root key, and the API key of its own for a service instance, if it has one. */
  readonly instance?: {
    readonly id: string
    readonly apiKeyFor: (service: string) => string | undefined
  }
}

/** A root key file that a person names is relative to it, as all files of commands are; one that a backup names, to the data folder. */
export const currentFolder = '.'

/** The root key file that the URI names; null for another kind of root key. Throws RootKeyError for a URI that names no file. */
export function fileOf(uri: string, folder: string): string | null {
  return isRootKeyFile(uri) ? path.resolve(folder, rootKeyFilePath(uri)) : null
}

/** The same root key; a file is named by its whole path. Throws RootKeyError. */
export function absoluteRootKey(uri: string, folder: string): string {
  const file = fileOf(uri, folder)
  return file === null ? uri : pathToFileURL(file).href
}

export async function offlineRootKeys(config: Config, log: Log): Promise<OfflineRootKeys> {
  await using opened = new AsyncDisposableStack()
  const { opening, ibm } = await openRootKeyServices(config, { clock: systemClock, log }, opened)
  const apiKeysFor = new Map<string, (service: string) => string | undefined>()
  ibm.connect({
    apiKeys: {
      of: async (instanceId, service) => apiKeysFor.get(instanceId)?.(service),
      has: async () => false,
    },
    // Nothing is written here.
    onRewrapped: () => {},
  })
  const kept = opened.move()
  return {
    open: async (uri, { create = false, instance } = {}) => {
      if (!instance) return openRootKey(uri, { ...opening, create })
      apiKeysFor.set(instance.id, instance.apiKeyFor)
      return openRootKey(uri, { ...opening, create, instanceId: instance.id })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
