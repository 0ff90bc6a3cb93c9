// Restores of an instance into this server: from the standard keys beside its root key, or from a backup that is sent in parts.

import { RootKeyError } from '../../core/ports/root-key.ts'
import type { KeyProtectReport } from './report.ts'
import { RestoreRefused } from './source.ts'
import type { BackupRestore, KeyProtectRestore } from './restores.ts'
import { beyondRequest } from '../../doors/http/askers.ts'
import type { RestoreService } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { restoreRoutes } from './routes.ts'
import type { RootKeys } from '../../core/ports/root-keys.ts'
import { Refusal } from '../../base/refusal.ts'
import { refuseIfElsewhere } from '../../doors/http/jobs.ts'
import { requireIbm } from '../../core/instances/root-key-change.ts'
import { present } from '../../doors/http/views/present.ts'
import { shownJob } from '../../doors/http/shown-job.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

export const restoreHandlers = {
  beginRestore: async ({ rootKeys, restores }, { asker, body }) => {
    const { rootKey, oldRootKeys = [], partial, instance, name, ibmApiKey } = body
    for (const uri of [rootKey, ...oldRootKeys])
      requireIbm(uri, 'keys to be restored (--root-key; rootKey in the body) lie beside root keys')
    const apiKey = ibmApiKey === undefined ? {} : { apiKey: ibmApiKey }
    const wantedWith = async (standardKeys: boolean) => {
      const rootKeyUri = await prepared(rootKeys, rootKey, { ...apiKey, standardKeys })
      const others: string[] = []
      for (const old of oldRootKeys)
        others.push(await prepared(rootKeys, old, { ...apiKey, standardKeys, opens: true }))
      return {
        rootKeyUri,
        otherRootKeyUris: others.filter((uri) => uri !== rootKeyUri),
        ...apiKey,
        ...(partial !== undefined && { partial }),
        ...(instance !== undefined && { instanceId: instance }),
        ...(name !== undefined && { name }),
      }
    }
    // A client that only looks at a running restore need not try the root keys with a standard key, which is billed.
    const looking = restores.isBegun ? await wantedWith(false).catch(() => undefined) : undefined
    const same = looking && (await restores.same(looking))
    // The restored instance reads, creates and deletes standard keys beside each of them.
    return shownKeyProtect(same ?? (await restores.begin(beyondRequest(asker), await wantedWith(true))))
  },

  showRestore: async (context, { params }) =>
    shownKeyProtect(context.restores.show(params.restore) ?? (await noRestore(context))),

  beginUpload: async ({ restores }, { body }) => ({ id: await restores.beginUpload(body.bytes) }),

  addUploadPart: async ({ restores }, { params, query, body }) => ({
    received: await restores.addPart(params.upload, query.at, body),
  }),

  removeUpload: async ({ restores }, { params }) => {
    if (!(await restores.removeUpload(params.upload)))
      throw new Refusal('not-found', 'there is no such upload')
    return { id: params.upload }
  },

  previewInstanceRestore: ({ restores }, { body }) =>
    restores.preview({ ...present(body), upload: body.upload }),

  beginInstanceRestore: async ({ restores }, { asker, body }) => {
    const { upload, clients, confirmed, ...rest } = body
    const request = { ...present(rest), upload, clients, confirmed }
    return shownBackup(await restores.beginFromBackup(beyondRequest(asker), request))
  },

  showInstanceRestore: async (context, { params }) =>
    shownBackup(context.restores.showFromBackup(params.restore) ?? (await noRestore(context))),
} satisfies Handlers<typeof restoreRoutes, RestoreService>

async function noRestore(context: Pick<RestoreService, 'leases'>): Promise<never> {
  await refuseIfElsewhere(context, 'restore')
  throw new Refusal(
    'not-found',
    'there is no such restore: the server was restarted, or another one came after it',
    'If the instance is not there (mortise instance list), begin it again: nothing is lost by that.',
  )
}

/** Returns the URI to keep. Throws Refusal, with what to do, if the root key cannot be used. */
async function prepared(
  rootKeys: RootKeys,
  uri: string,
  purpose: { readonly apiKey?: string; readonly opens?: boolean; readonly standardKeys: boolean },
): Promise<string> {
  try {
    return (await rootKeys.prepare(uri, purpose)).uri
  } catch (error) {
    if (!(error instanceof RootKeyError)) throw error
    if (error.reach === 'unreachable')
      throw new Refusal('refused', error.message, 'Nothing was begun. When it answers, do the same again.')
    const passes = async (opens: boolean) =>
      rootKeys.prepare(uri, { ...purpose, standardKeys: false, opens }).then(
        () => true,
        () => false,
      )
    const hasExpired = !(await passes(false)) && (await passes(true))
    throw new Refusal('refused', error.message, hasExpired ? stillOpens : undefined)
  }
}

const stillOpens =
  'One that has expired still opens its keys: name it with --old-root-key (oldRootKeys in the body), and another that is active with --root-key.'

function shownKeyProtect(restore: KeyProtectRestore) {
  const { request, ended } = restore
  const refusal = ended?.state === 'failed' ? ended.refusal : undefined
  const choices = refusal instanceof RestoreRefused ? refusal.choices : []
  return {
    ...shownJob(restore),
    rootKey: request.rootKeyUri,
    report: ended?.state === 'done' ? shownReport(ended.report) : null,
    choices: choices.map(({ instanceId, keys, newestMs }) => ({
      instance: instanceId,
      keys,
      newest: isoTimeOrNull(newestMs),
    })),
  }
}

function shownReport(whole: KeyProtectReport) {
  const { instance, deleted, elsewhere, unnamed, ignored, leftFor, deletedMs, ...report } = whole
  return {
    ...report,
    objects: { ...report.objects },
    instance: { id: instance.id, name: instance.name },
    deleted: deleted.map(shownObject),
    elsewhere: elsewhere.map(shownObject),
    unnamed: unnamed.map(shownObject),
    movesFrom: instance.work?.fromRootKeyUri ?? null,
    leftFor: leftFor && { rootKey: leftFor.rootKeyUri, at: isoTime(leftFor.atMs) },
    deletedAt: isoTimeOrNull(deletedMs),
    ignored: ignored.map((one) => ({ ...one })),
  }
}

function shownObject({ identifier, label }: { readonly identifier: string; readonly label: string | null }) {
  return { id: identifier, name: label }
}

function shownBackup(restore: BackupRestore) {
  const { ended } = restore
  return { ...shownJob(restore), report: ended?.state === 'done' ? ended.report : null }
}
