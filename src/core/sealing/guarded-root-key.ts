// Passes each call to an instance's root key through RootKeyStatus. All work of an instance uses such guarded root keys. Only a
// restore, and the check of a root key before an administrator sets it, do not.

import type { OpenRootKey, RootKey, RootKeyVersions, StandardKeys } from '../ports/root-key.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { RootKeyStatus, RootKeyUse } from './root-key-status.ts'

export function guarded(open: OpenRootKey, status: RootKeyStatus): OpenRootKey {
  return async (uri, instanceId) => {
    const use: RootKeyUse = { instanceId, rootKeyUri: uri }
    const rootKey = await open(uri, instanceId)
    const { id, versions, standardKeys } = rootKey
    return {
      uri: rootKey.uri,
      id,
      wrap: (...args) => status.call(use, () => rootKey.wrap(...args)),
      unwrap: (wrapped, associatedData, correlationIds) => {
        // Asks the service again with the access that the instance has at that time.
        const again = async () => (await open(uri, instanceId)).unwrap(wrapped, associatedData)
        return status.unwrap(use, () => rootKey.unwrap(wrapped, associatedData, correlationIds), again)
      },
      ...(versions && { versions: guardedVersions(versions, use, status) }),
      ...(standardKeys && { standardKeys: guardedStandardKeys(standardKeys, use, status) }),
    } satisfies RootKey
  }
}

function guardedVersions(versions: RootKeyVersions, use: RootKeyUse, status: RootKeyStatus): RootKeyVersions {
  return {
    of: (wrapped) => versions.of(wrapped),
    newest: () => status.call(use, () => versions.newest()),
    rewrap: (...args) => status.call(use, () => versions.rewrap(...args)),
  }
}

function guardedStandardKeys(keys: StandardKeys, use: RootKeyUse, status: RootKeyStatus): StandardKeys {
  const { payloadBytesMax } = keys
  return {
    payloadBytesMax,
    create: (...args) => status.call(use, () => keys.create(...args)),
    read: (...args) => reading(use, status, () => keys.read(...args)),
    remove: (...args) => status.call(use, () => keys.remove(...args)),
    find: (...args) => status.call(use, () => keys.find(...args)),
    async *list(...args) {
      const pages = keys.list(...args)[Symbol.asyncIterator]()
      try {
        for (;;) {
          const page = await status.call(use, () => pages.next())
          if (page.done === true) return
          yield page.value
        }
      } finally {
        await pages.return?.()
      }
    },
  }
}

/**
 * Reports a failed read as a trouble of its own, until a read succeeds. A read fails if it is refused, or if it gets no answer
 * although the root key answers.
 */
async function reading<T>(use: RootKeyUse, status: RootKeyStatus, read: () => Promise<T>): Promise<T> {
  const { standardKeys } = status
  try {
    const payload = await status.call(use, read, 'read')
    standardKeys.read(use.instanceId)
    return payload
  } catch (error) {
    if (!(error instanceof RootKeyError)) throw error
    if (error.reach === 'call') standardKeys.notRead(use.instanceId, error)
    if (error.reach === 'unreachable') void noteUnanswered(use, status, error)
    throw error
  }
}

/** Notes an unanswered read if the root key answers. If the service answered another read meanwhile, it notes nothing. */
async function noteUnanswered(use: RootKeyUse, status: RootKeyStatus, error: RootKeyError): Promise<void> {
  const { instanceId } = use
  const readAt = status.readAt(instanceId)
  if ((await status.answers(use)) && status.readAt(instanceId) === readAt)
    status.standardKeys.notRead(instanceId, error)
}
