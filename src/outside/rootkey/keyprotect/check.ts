// Checks a root key when an instance is created or changes its root key: it exists, is a root key, is active, wraps and
// unwraps. The check needs the IAM role Reader.

import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { KeyResource } from './answers.ts'
import { deactivated, deleted, enableIt, standardKey } from './refusal-messages.ts'
import type { KeyProtectRootKey } from './root-key.ts'
import { formatKeyProtectUri, type KeyProtectUri } from './uri.ts'
import { sealAndOpen } from '../seal-and-open.ts'

/** Sentences for the administrator. Throws RootKeyError with what is wrong and what to do. */
export async function checkKeyProtectRootKey(
  rootKey: KeyProtectRootKey,
  target: KeyProtectUri,
  /** `standardKeys`: keys are to be kept as standard keys beside it. `opens`: it need not seal anything any more. */
  { standardKeys, opens }: { readonly standardKeys: boolean; readonly opens: boolean },
): Promise<readonly string[]> {
  const metadata = await rootKey.metadata()
  // Nothing is there to be opened for a try.
  if (opens && !metadata.extractable && metadata.state === 'deactivated') return []
  const unfit = whyUnfit(metadata, target)
  if (unfit !== undefined) throw new RootKeyError('root-key', unfit)
  await sealAndOpen(rootKey)
  return [...ofExpiry(metadata), ...(standardKeys ? ofKeyRing(metadata, target) : [])]
}

function ofExpiry({ id, name, expiresAt }: KeyResource): readonly string[] {
  if (expiresAt === null) return []
  return [
    `The root key ${id} (${name}) expires at ${expiresAt}. From then on it seals no new keys; ` +
      'what it sealed it still opens. Better take one without an expiry.',
  ]
}

/** Standard keys go where the URI says, wherever the root key lies. */
function ofKeyRing({ id, keyRing }: KeyResource, target: KeyProtectUri): readonly string[] {
  if (target.keyRing !== undefined || keyRing === defaultKeyRing) return []
  const uri = formatKeyProtectUri({ ...target, key: id, keyRing })
  return [
    `The root key ${id} lies in the key ring ${keyRing}, and its URI names none: the standard keys go into the ring ` +
      `${defaultKeyRing}. To have them beside it set the root key to ${uri}`,
  ]
}

const defaultKeyRing = 'default'

function whyUnfit(metadata: KeyResource, target: KeyProtectUri): string | undefined {
  const { id, extractable, state } = metadata
  if (extractable) return standardKey(id, target)
  if (state === 'suspended') return `the root key ${id} is disabled. ${enableIt(id, target)}`
  if (state === 'deactivated') return `${deactivated(metadata)}. Take another`
  if (state === 'destroyed') return deleted(id, target)
  // We do not know this state. Wrap and unwrap tell more.
  return undefined
}
