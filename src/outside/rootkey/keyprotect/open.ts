// Opens, checks and lists the root keys that keyprotect: and hpcs: URIs name. ../open.ts calls it.

import { RootKeyError } from '../../../core/ports/root-key.ts'
import { listKeyProtectRootKeys, type ListedServiceKey } from './list.ts'
import { checkStandardKeys } from './preflight.ts'
import { openKeyProtectRootKey, type KeyProtectRootKey } from './root-key.ts'
import { KeyProtectSessions } from './sessions.ts'
import { parseKeyProtectUri, formatKeyProtectUri, type KeyProtectUri } from './uri.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { KeyResource } from './answers.ts'
import { deactivatedMessage, deleted, enableIt, standardKeyMessage } from './refusal-messages.ts'
import { sealAndOpen } from '../seal-and-open.ts'

export interface Where {
  readonly sessions: KeyProtectSessions
  /** The instance of Mortise whose API key is used; null: the server itself. */
  readonly instanceId: string | null
}

/** Throws RootKeyError. */
export async function openKeyProtect(
  uri: string,
  { sessions, instanceId }: Where,
): Promise<KeyProtectRootKey> {
  const { key, ...target } = parseKeyProtectUri(uri)
  if (key === undefined)
    throw new RootKeyError(
      'root-key',
      `${uri} names no key. mortise root-key list --root-key ${shellWord(uri)} shows those that there are`,
    )
  const { onRewrapped } = sessions.options
  return openKeyProtectRootKey({
    session: sessions.session({ ...target, key }, instanceId),
    target: { ...target, key },
    ...(onRewrapped && { onRewrapped: (event) => onRewrapped({ ...event, instanceId }) }),
  })
}

export interface CheckedWith {
  /** Used instead of the API key that Mortise keeps, if any. Mortise does not keep this one. */
  readonly apiKey?: string | undefined
  /** Whether an instance is to keep its keys there as standard keys. The check makes and deletes one, which is billed for a month. */
  readonly standardKeys?: boolean
  /** The root key need not wrap any more. */
  readonly opens?: boolean
}

/** Checks the root key. Returns it with sentences for the administrator. Throws RootKeyError. */
export async function checkKeyProtect(uri: string, where: Where, checked: CheckedWith) {
  return withOwnSessions(where, checked, async (sessions) => {
    const rootKey = await openKeyProtect(uri, { ...where, sessions })
    const { standardKeys = false, opens = false } = checked
    const purpose = { standardKeys, opens }
    const warnings = await checkKeyProtectRootKey(rootKey, parseKeyProtectUri(uri), purpose)
    if (!standardKeys) return { uri: rootKey.uri, id: rootKey.id, warnings }
    const trialWarnings = await checkStandardKeys(rootKey.standardKeys, sessions.options.clock).catch(
      (error: unknown) => {
        // The role may be missing because the standard keys go to another key ring than the administrator meant, as `warnings` says.
        if (!(error instanceof RootKeyError) || warnings.length === 0) throw error
        throw new RootKeyError(error.reach, [error.message, ...warnings].join(' '), { cause: error })
      },
    )
    return { uri: rootKey.uri, id: rootKey.id, warnings: [...warnings, ...trialWarnings] }
  })
}

/** Lists the root keys of the service instance that the URI names. Ignores a key in the URI. Throws RootKeyError. */
export async function listKeyProtect(
  uri: string,
  where: Where,
  checked: Pick<CheckedWith, 'apiKey'>,
): Promise<readonly ListedServiceKey[]> {
  const target = parseKeyProtectUri(uri)
  return withOwnSessions(where, checked, (sessions) =>
    listKeyProtectRootKeys(sessions.session(target, where.instanceId), target),
  )
}

/**
 * Does the work with sessions of its own, which it closes afterwards, if `apiKey` or `standardKeys` is set; otherwise with the server's.
 * For standard keys, a refusal then names the role Manager, which suffices for all calls. Otherwise the administrator would read of one
 * missing role after another, each the least for one call.
 */
async function withOwnSessions<T>(
  { sessions }: Where,
  { apiKey, standardKeys = false }: CheckedWith,
  work: (sessions: KeyProtectSessions) => Promise<T>,
): Promise<T> {
  if (apiKey === undefined && !standardKeys) return work(sessions)
  const own = new KeyProtectSessions({
    ...sessions.options,
    ...(apiKey !== undefined && { apiKey: () => Promise.resolve(apiKey) }),
    ...(standardKeys && { advises: 'Manager' as const }),
  })
  try {
    return await work(own)
  } finally {
    own.close()
  }
}

/**
 * Checks a root key when an instance is created or changes its root key: it exists, is a root key, is active, wraps and unwraps. The check
 * needs the IAM role Reader. Returns warnings for the administrator. Throws RootKeyError with what is wrong and what to do.
 */
async function checkKeyProtectRootKey(
  rootKey: KeyProtectRootKey,
  target: KeyProtectUri,
  /** `standardKeys`: an instance is to keep its keys as standard keys beside the root key. `opens`: the root key need not seal any more. */
  { standardKeys, opens }: { readonly standardKeys: boolean; readonly opens: boolean },
): Promise<readonly string[]> {
  const metadata = await rootKey.metadata()
  // A deactivated root key seals no sample that it could open for a try.
  if (opens && !metadata.extractable && metadata.state === 'deactivated') return []
  const unfit = whyUnfit(metadata, target)
  if (unfit !== undefined) throw new RootKeyError('root-key', unfit)
  await sealAndOpen(rootKey)
  return [...expiryWarnings(metadata), ...(standardKeys ? keyRingWarnings(metadata, target) : [])]
}

function expiryWarnings({ id, name, expiresAt }: KeyResource): readonly string[] {
  if (expiresAt === null) return []
  return [
    `The root key ${id} (${name}) expires at ${expiresAt}. From then on it seals no new keys; ` +
      'what it sealed it still opens. Better take one without an expiry.',
  ]
}

/** Standard keys go into the key ring that the URI names, or into the default one, also where the root key lies in another. */
function keyRingWarnings({ id, keyRing }: KeyResource, target: KeyProtectUri): readonly string[] {
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
  if (extractable) return standardKeyMessage(id, target)
  if (state === 'suspended') return `the root key ${id} is disabled. ${enableIt(id, target)}`
  if (state === 'deactivated') return `${deactivatedMessage(metadata)}. Take another`
  if (state === 'destroyed') return deleted(id, target)
  // The key is active, or in a state that says nothing certain. The check then seals and opens a sample.
  return undefined
}
