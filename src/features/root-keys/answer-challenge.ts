// Answers a root key challenge on behalf of the command line: with the root key that the configuration names and its
// credentials, or with a copy of a root key file. Part of the composition root.

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Config } from '../../outside/config/options.ts'
import { openRootKey, type OpenedRootKey } from '../../outside/rootkey/open.ts'
import { openRootKeyServices } from '../../host/root-keys/root-key-opening.ts'
import { systemClock } from '../../host/system-clock.ts'
import { answerChallenge } from '../../core/sealing/root-key-challenge.ts'
import { createLog } from '../../outside/telemetry/log.ts'

/** The answer in hex. Throws RootKeyError and StartError. `file`: the copy; null: the configured root key. */
export async function answerWithRootKey(
  config: Config,
  file: string | null,
  { rootKey: uri, wrapped }: { readonly rootKey: string; readonly wrapped: string },
): Promise<string> {
  await using opened = new AsyncDisposableStack()
  const place = file === null ? uri : pathToFileURL(path.resolve(file)).href
  const rootKey = await openAny(place, config, opened)
  const answer = await answerChallenge(rootKey, Buffer.from(wrapped, 'base64'))
  return answer.toString('hex')
}

async function openAny(uri: string, config: Config, opened: AsyncDisposableStack): Promise<OpenedRootKey> {
  const log = createLog({ format: 'json', level: 'error' })
  const { opening } = await openRootKeyServices(config, { clock: systemClock, log }, opened)
  return openRootKey(uri, { ...opening, create: false })
}
