// Answers a root key challenge on behalf of the command line: with the root key that the configuration names and its
// credentials, or with a copy of a root key file. Part of the composition root.

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { openRootKey, type OpenedRootKey } from '../../outside/rootkey/open.ts'
import { openRootKeyServices } from './root-key-opening.ts'
import type { Installation } from '../installation.ts'
import { systemClock } from '../system-clock.ts'
import { answerChallenge } from '../../core/sealing/root-key-challenge.ts'

/** The answer in hex. Throws RootKeyError and StartError. `file`: the copy; null: the configured root key. */
export async function answerWithRootKey(
  installation: Installation,
  file: string | null,
  { rootKey: uri, wrapped }: { readonly rootKey: string; readonly wrapped: string },
): Promise<string> {
  await using opened = new AsyncDisposableStack()
  const place = file === null ? uri : pathToFileURL(path.resolve(file)).href
  const rootKey = await openAny(place, installation, opened)
  const answer = await answerChallenge(rootKey, Buffer.from(wrapped, 'base64'))
  return answer.toString('hex')
}

async function openAny(
  uri: string,
  { config, log }: Installation,
  opened: AsyncDisposableStack,
): Promise<OpenedRootKey> {
  const { opening } = await openRootKeyServices(config, { clock: systemClock, log }, opened)
  return openRootKey(uri, { ...opening, create: false })
}
