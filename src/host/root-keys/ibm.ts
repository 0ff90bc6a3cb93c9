// Opens the sessions with Key Protect and HPCS: with the API key, CA and IAM address of the configuration, and a log
// line for each call with the correlation id by which IBM finds it. Part of the composition root.

import type { RootKeyCalls } from '../../core/ports/root-keys.ts'
import type { Config } from '../../outside/config/options.ts'
import type { RootKeySource } from '../../core/server/core.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'
import { KeyProtectSessions } from '../../outside/rootkey/keyprotect/sessions.ts'
import { parseKeyProtectUri } from '../../outside/rootkey/keyprotect/uri.ts'
import type { Log } from '../../core/ports/log.ts'
import { readCa, readSmall } from './credential-files.ts'

export interface Ibm {
  readonly sessions: KeyProtectSessions
  /** The calls that are under way, by instance, service and lane. */
  readonly calls: () => readonly RootKeyCalls[]
  /** Called once, by the core: see RootKeySource. */
  readonly connect: RootKeySource['connect']
  /**
   * Whether the instance has an API key of its own for the service that the URI names, so the server's must not be
   * used.
   */
  readonly speaksForItself: (uri: string, instanceId: string) => Promise<boolean>
}

/** Reads the CA's file now and the API key's file with each token: a replaced API key is in use within the hour. */
export async function openIbm(
  { apiKeyFile, iamUrl, caFile }: Config['ibm'],
  clock: Clock,
  log: Pick<Log, 'debug' | 'warn'>,
): Promise<Ibm> {
  const ca = caFile === null ? undefined : await readCa(caFile, 'MORTISE_IBM_CA_FILE')
  let core: Parameters<Ibm['connect']>[0] | undefined
  const sessions = new KeyProtectSessions({
    iamUrl,
    ...(ca !== undefined && { ca }),
    apiKey: async (instanceId, service) => {
      const own = instanceId === null ? undefined : await core?.apiKeys.of(instanceId, service)
      return own ?? readApiKey(apiKeyFile)
    },
    clock,
    onRewrapped: ({ wrapped: was, rewrapped }) => core?.onRewrapped({ was, rewrapped }),
    onCall: ({ ms, ...made }) => {
      const failed = !made.repeated && (made.status === null || made.status >= 400)
      log[failed ? 'warn' : 'debug']({ ...made, ms: Math.round(ms) }, 'Key Protect was called')
    },
  })
  return {
    sessions,
    calls: () => sessions.load.flatMap(({ lanes, ...of }) => lanes.map((lane) => ({ ...of, ...lane }))),
    connect: (connected) => void (core = connected),
    speaksForItself: async (uri, instanceId) => (await core?.apiKeys.has(instanceId, uri)) ?? false,
  }
}

/**
 * The id of the service instance that a root key's URI names; undefined for root keys outside Key Protect and HPCS.
 */
export function serviceInstanceOf(uri: string): string | undefined {
  if (!/^(keyprotect|hpcs):/i.test(uri)) return undefined
  try {
    return parseKeyProtectUri(uri).instance
  } catch (error) {
    if (error instanceof RootKeyError) return undefined
    throw error
  }
}

async function readApiKey(file: string | null): Promise<string> {
  if (file === null)
    throw new RootKeyError(
      'root-key',
      'root keys in Key Protect and HPCS need the API key of a service ID: put it into a file, and give it to the ' +
        'instance (mortise instance create or set, --ibm-api-key-file FILE), or to the server for all instances ' +
        '(MORTISE_IBM_API_KEY_FILE)',
    )
  const text = (await readSmall(file, 'MORTISE_IBM_API_KEY_FILE')).trim()
  if (/^[\x21-\x7e]{1,1000}$/.test(text)) return text
  const message = `${file} (MORTISE_IBM_API_KEY_FILE) should hold an API key, on one line and nothing else`
  throw new RootKeyError('unreachable', message)
}
