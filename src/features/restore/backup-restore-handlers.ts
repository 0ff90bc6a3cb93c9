// Takes a backup's file in parts, shows what restoring an instance from it would do, and begins and shows the restore.

import type { InstanceRestore } from './backup-restore-jobs.ts'
import { restoreRefusal } from './backup-restore-jobs.ts'
import { beyondRequest } from '../../doors/http/askers.ts'
import type { SomeHandlers } from '../../doors/http/context.ts'
import { Refusal } from '../../base/refusal.ts'
import { refuseIfElsewhere } from '../../doors/http/jobs.ts'
import { present } from '../../doors/http/views/present.ts'
import { shownJob } from '../../doors/http/shown-job.ts'
import { isoTime } from '../../doors/http/views/shown.ts'

export const backupRestoreHandlers = {
  beginUpload: async ({ backupRestores }, { body }) => ({ id: await backupRestores.beginUpload(body.bytes) }),

  addUploadPart: async ({ backupRestores }, { params, query, body }) => ({
    received: await backupRestores.addPart(params.upload, query.at, body),
  }),

  removeUpload: async ({ backupRestores }, { params }) => {
    if (!(await backupRestores.removeUpload(params.upload)))
      throw new Refusal('not-found', 'there is no such upload')
    return { id: params.upload }
  },

  previewInstanceRestore: async ({ backupRestores }, { body }) => {
    const preview = await backupRestores.preview({ ...present(body), upload: body.upload }).catch(refused)
    const { backup, gone, clients, needed } = preview
    const { createdMs, ...about } = backup
    return {
      ...preview,
      backup: { ...about, created: isoTime(createdMs) },
      instance: { ...preview.instance },
      gone: gone && { at: isoTime(gone.atMs), shredded: gone.shredded },
      clients: clients.map((client) => ({
        ...client,
        certificates: [...client.certificates],
        authorities: client.authorities.map((one) => ({ ...one })),
        leftOut: [...client.leftOut],
      })),
      needed: [...needed],
    }
  },

  beginInstanceRestore: async ({ backupRestores }, { asker, body }) => {
    const { upload, clients, confirmed, ...rest } = body
    const wanted = { ...present(rest), upload, clients, confirmed }
    return shown(await backupRestores.begin(beyondRequest(asker), wanted).catch(refused))
  },

  showInstanceRestore: async (context, { params }) => {
    const found = context.backupRestores.show(params.restore)
    if (found) return shown(found)
    await refuseIfElsewhere(context, 'restore')
    throw new Refusal(
      'not-found',
      'there is no such restore: the server was started anew, or another one came after it',
      'If the instance is not there (mortise instance list), do the same again: nothing is lost by that.',
    )
  },
} satisfies SomeHandlers

function refused(error: unknown): never {
  throw restoreRefusal(error) ?? error
}

function shown(restore: InstanceRestore) {
  const { ended } = restore
  const report = ended?.state === 'done' ? ended.report : undefined
  return {
    ...shownJob(restore),
    report: report
      ? {
          ...report,
          objects: { ...report.objects },
          notOpening: { ...report.notOpening, named: [...report.notOpening.named] },
          lost: { ...report.lost, named: [...report.lost.named] },
          clients: [...report.clients],
          leftOut: [...report.leftOut],
        }
      : null,
  }
}
