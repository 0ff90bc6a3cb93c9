// Copies of root keys: said to be there, or proved.

import { RootKeyError } from '../../core/ports/root-key.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { RootKeyCopy } from '../../core/sealing/server-notes.ts'
import type { Needs } from './needs.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { rootKeyRoutes } from './routes.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import type { RootKeyFileFacts } from '../../core/server/machine.ts'
import { Refusal } from '../../base/refusal.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

export const rootKeyCopyHandlers = {
  challengeRootKeyCopy: async (context, { body }) => {
    const { uri, rootKeyId } = await fileInUse(context, body.rootKey)
    try {
      const { id, wrapped } = await context.rootKeyProof.challenge(uri)
      return { id, rootKey: uri, rootKeyId, wrapped: Buffer.from(wrapped).toString('base64') }
    } catch (error) {
      if (error instanceof RootKeyError) throw new Refusal('refused', error.message)
      throw error
    }
  },

  recordRootKeyCopy: async (context, { asker, body }) => {
    const { uri, rootKeyId } = await fileInUse(context, body.rootKey)
    const verified = body.challenge !== undefined
    const copy: RootKeyCopy = {
      rootKeyId,
      atMs: context.clock.now(),
      by: asker.by.name ?? 'unknown',
      verified,
    }
    if (body.challenge && !context.rootKeyProof.accept(uri, body.challenge)) {
      const refused = { result: 'refused', reason: 'PermissionDenied' } as const
      await context.audit.enter({ ...entry(asker, copy, uri), ...refused })
      throw new Refusal(
        'refused',
        'this copy does not open this server: the answer to the challenge is wrong, or came too late',
        'Try again; if it stays so, make a new copy of the root key file.',
      )
    }
    await context.notes.change(
      'root-key-copies',
      (known = []) => [...known.filter((other) => other.rootKeyId !== rootKeyId), copy],
      [entry(asker, copy, uri)],
    )
    return { rootKey: uri, rootKeyId, by: copy.by, at: isoTime(copy.atMs), verified }
  },
} satisfies SomeHandlers<typeof rootKeyRoutes, Needs>

/** The root key file with this URI, if the server or an instance uses it. */
async function fileInUse(
  { access, machine, rootKeys }: Needs,
  uri: string = rootKeys.initial,
): Promise<{ readonly uri: string; readonly rootKeyId: string }> {
  const instances = await access.instances()
  const used = new Set([rootKeys.initial, ...instances.map(({ rootKeyUri }) => rootKeyUri)])
  if (!used.has(uri))
    throw new Refusal('not-found', `neither the server nor an instance uses the root key ${uri}`)
  if (!isRootKeyFile(uri))
    throw new Refusal(
      'bad-request',
      `the root key ${uri} is no file: its service keeps it, and there is nothing to copy`,
      'Name a root key file with --root-key, if an instance uses one.',
    )
  const [file] = await machine.rootKeyFiles([uri])
  return { uri, rootKeyId: idOf(file) }
}

function idOf(file: RootKeyFileFacts | undefined): string {
  if (file?.id) return file.id
  throw new Refusal('refused', file?.problem ?? 'the root key file cannot be looked at')
}

function entry(
  { actor, requestId }: ApiRequester,
  { rootKeyId, atMs, verified }: RootKeyCopy,
  uri: string,
): AuditEntry {
  return {
    atMs,
    action: verified ? 'root-key.verify-copy' : 'root-key.copied',
    result: 'success',
    instanceId: null,
    object: null,
    actor,
    reason: null,
    requestId,
    detail: { rootKeyUri: uri, rootKeyId },
  }
}
