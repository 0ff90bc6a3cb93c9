// The part of the route table that restores an instance into the running server: from the standard keys beside its root key, or from a
// backup whose file is sent in parts. One request begins a restore and others look at it: a client that stops looking stops nothing.

import { z } from 'zod'
import { bytesBody, route } from '../../doors/http/route.ts'
import { ibmApiKey, name, shownSha256, time } from '../../doors/http/schemas.ts'
import { failure } from '../../doors/http/shown-job.ts'

const named = z.object({
  id: z.string().meta({ description: 'Unique Identifier.' }),
  name: z.string().nullable().meta({ description: 'Its Name, if it had one when it was created.' }),
})

const FromRootKeyReport = z.object({
  instance: z.object({ id: z.string(), name: z.string() }),
  formerName: z.string().nullable().meta({ description: 'The name it had; null: not known.' }),
  objects: z.record(z.string(), z.int()).meta({ description: 'Restored objects, by state.' }),
  opens: z.int().meta({ description: 'How many of them have their key material.' }),
  deleted: z.array(named).meta({
    description:
      'Objects whose standard keys were deleted in Key Protect: they are back, but revoked. If the standard keys are restored there within 30 days, they open again.',
  }),
  elsewhere: z.array(named).meta({
    description: 'Objects sealed by a root key that was not named: they are back, but they do not open.',
  }),
  unnamed: z.array(named).meta({
    description:
      'Objects that lost this Name, because one that was made later has it. Only an instance with `names` shared keeps both.',
  }),
  movesFrom: z.string().nullable().meta({
    description:
      'The root key from which the instance was moving; the move continues in the background. null: it was not moving.',
  }),
  leftFor: z.object({ rootKey: z.string(), at: time }).nullable().meta({
    description:
      'The instance was moving into the database under this root key. Objects that had arrived there are lost with the database, and are listed as deleted.',
  }),
  // A server of an older version does not say it.
  deletedAt: time.nullable().default(null).meta({
    description:
      'When a server deleted the instance, and its standard keys with it. Those that its owner restores in Key Protect within 30 days open again. null: nothing says so.',
  }),
  gone: z.int().meta({
    description:
      'Keys whose standard keys were all deleted, because the keys were destroyed or their owner deleted them. They are not back.',
  }),
  ignored: z
    .array(z.object({ id: z.string(), name: z.string(), why: z.string() }))
    .meta({ description: 'Standard keys that were left as they are.' }),
})

const Restore = z
  .object({
    id: z.string(),
    rootKey: z.string(),
    state: z.enum(['running', 'done', 'failed']),
    step: z.enum(['list', 'keys', 'write']).meta({
      description:
        'list: finds standard keys. keys: reads and opens them. write: writes them into the database.',
    }),
    done: z.int(),
    total: z.int().nullable().meta({ description: 'null: not known yet.' }),
    trouble: z
      .string()
      .nullable()
      .meta({ description: 'Why it waits at the moment; it continues by itself.' }),
    report: FromRootKeyReport.nullable().meta({ description: 'The report, once the restore is done.' }),
    error: failure('Why it failed. Then nothing was restored, and it can run again.'),
    choices: z
      .array(z.object({ instance: z.string(), keys: z.int(), newest: time.nullable() }))
      .meta({ description: 'The instances that were found, if there are several and one must be chosen.' }),
  })
  .meta({ id: 'Restore' })

/** The bytes of a backup that is sent to a running server. */
const uploadBytesMax = 64 * 1024 * 1024 * 1024

const backupOpening = {
  upload: z.string().max(100).meta({ description: 'Id of the upload with the file.' }),
  instance: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Id or name of the instance in the backup; needed if it holds several.' }),
  rootKey: z.string().min(1).max(1024).optional().meta({
    description:
      "URI of the root key that opens the backup, as this server reaches it. Left out: the server's own.",
  }),
  identity: z
    .string()
    .max(16 * 1024)
    .optional()
    .meta({ description: 'An age identity that the backup was made for, instead of root keys.' }),
  name: name.optional().meta({ description: 'A new name for the instance.' }),
}

/** A restore does these only once they are confirmed. */
const confirmations = ['shredded', 'closings-unknown'] as const
export type Confirmation = (typeof confirmations)[number]
const confirmed = z.array(z.enum(confirmations)).max(confirmations.length)

const Client = z.object({
  id: z.string(),
  name: z.string(),
  certificates: z.array(shownSha256),
  authorities: z.array(z.object({ id: z.string(), subject: z.string() })),
  leftOut: z
    .array(z.string())
    .meta({ description: 'Why it, or a certificate or CA of it, does not come back.' }),
})

const Preview = z
  .object({
    backup: z.object({ id: z.string(), serverId: z.string(), created: time }),
    instance: z.object({
      id: z.string(),
      name: z.string(),
      custody: z.string(),
      rootKey: z.string(),
      objects: z
        .int()
        .meta({ description: 'Keys and other objects in the backup, destroyed ones included.' }),
    }),
    gone: z.object({ at: time, shredded: z.boolean() }).nullable().meta({
      description: 'When it was deleted here after the backup, and whether its keys were shredded.',
    }),
    closingsKnown: z.boolean().meta({
      description:
        "Keys that were revoked or destroyed after the backup stay so, since this server's own audit log continues that of the backup.",
    }),
    clients: z.array(Client),
    needed: confirmed.meta({
      description:
        'What a restore must confirm. shredded: its keys were shredded here. closings-unknown: keys that were revoked or destroyed since may be open again.',
    }),
  })
  .meta({ id: 'BackupPreview' })

const some = z.object({ count: z.int(), named: z.array(z.string()) })

const FromBackupReport = z.object({
  instance: z.object({ id: z.string(), name: z.string() }),
  rootKey: z.string().meta({ description: 'The root key that it has now.' }),
  objects: z.record(z.string(), z.int()).meta({ description: 'Objects that it has now, by state.' }),
  closedAgain: z.int().meta({
    description: 'Objects that were closed after the backup, as this server knows, and so are closed again.',
  }),
  notOpening: some.meta({ description: 'Objects whose material does not open.' }),
  lost: some.meta({
    description:
      'Objects made after the backup, whose data key is not in it: they are listed, but do not open.',
  }),
  clients: z.array(z.string()).meta({ description: 'Clients that are trusted again.' }),
  leftOut: z.array(z.string()).meta({ description: 'Certificates and CAs of them that are not, and why.' }),
})

const InstanceRestore = z
  .object({
    id: z.string(),
    state: z.enum(['running', 'done', 'failed']),
    step: z.enum(['check', 'write']).meta({
      description: 'check: reads all of the file and opens its keys; write: writes them into the database.',
    }),
    done: z.int(),
    total: z.int(),
    report: FromBackupReport.nullable().meta({ description: 'The report, once the restore is done.' }),
    error: failure('Why it failed. Then the instance is not there, and it can run again.'),
  })
  .meta({ id: 'InstanceRestore' })

const manager = { role: 'manager', scope: 'server' } as const
const uploads = '/api/v1/restores/uploads'

export const restoreRoutes = {
  beginRestore: route({
    method: 'post',
    path: '/api/v1/restores',
    ...manager,
    guarded: true,
    summary:
      'Restore an instance with custody keyprotect from Key Protect or HPCS, without its database. The same request during the restore returns the running one',
    body: z.strictObject({
      rootKey: z.string().min(1).max(1024).meta({ description: 'URI of the root key of the instance.' }),
      oldRootKeys: z.array(z.string().min(1).max(1024)).max(8).optional().meta({
        description:
          'Other root keys that seal its keys, because it was moving away from them when its database was lost.',
      }),
      partial: z.boolean().optional().meta({
        description:
          'Restores also if root keys that are not named seal some of its keys; those keys do not open.',
      }),
      instance: z.string().min(1).max(100).optional().meta({
        description: 'The id of the instance; needed if several have keys beside the root key.',
      }),
      name: name.optional().meta({ description: 'A new name for the instance.' }),
      ibmApiKey: ibmApiKey.optional(),
    }),
    answer: Restore,
    status: 201,
    slow: true,
  }),
  showRestore: route({
    method: 'get',
    path: '/api/v1/restores/{restore}',
    ...manager,
    summary: 'The progress of a restore, and its report; the server remembers the last one until a restart',
    answer: Restore,
  }),
  beginUpload: route({
    method: 'post',
    path: uploads,
    ...manager,
    summary: "Begin to send a backup's file, of which one instance is to be restored",
    body: z.strictObject({ bytes: z.int().min(1).max(uploadBytesMax) }),
    answer: z.object({ id: z.string() }),
    status: 201,
  }),
  addUploadPart: route({
    method: 'post',
    path: `${uploads}/{upload}/parts`,
    ...manager,
    summary: 'Send the next part of the file, at most 1 MiB',
    query: z.object({
      at: z
        .string()
        .regex(/^\d{1,15}$/)
        .transform(Number)
        .meta({ description: 'How many bytes of the file come before this part.' }),
    }),
    body: bytesBody,
    answer: z.object({ received: z.int().meta({ description: 'Bytes of the file that are here.' }) }),
  }),
  removeUpload: route({
    method: 'delete',
    path: `${uploads}/{upload}`,
    ...manager,
    summary: 'Forget the file; it goes by itself too, after a restore or a quarter of an hour',
    answer: z.object({ id: z.string() }),
  }),
  previewInstanceRestore: route({
    method: 'post',
    path: '/api/v1/restores/preview',
    ...manager,
    summary: 'What a restore of an instance from the file would do, and what it must confirm',
    body: z.strictObject(backupOpening),
    answer: Preview,
    slow: true,
  }),
  beginInstanceRestore: route({
    method: 'post',
    path: '/api/v1/restores/from-backup',
    ...manager,
    summary: 'Restore a lost instance from the file. An instance that is here is never overwritten',
    body: z.strictObject({
      ...backupOpening,
      clients: z.array(z.string().max(100)).max(100_000).default([]).meta({
        description: 'Ids of the clients in the backup that are trusted again. Left out: none.',
      }),
      confirmed: confirmed.default([]).meta({ description: 'See the preview.' }),
    }),
    answer: InstanceRestore,
    status: 201,
    slow: true,
  }),
  showInstanceRestore: route({
    method: 'get',
    path: '/api/v1/restores/from-backup/{restore}',
    ...manager,
    summary: 'The progress of a restore from a backup, and its report; the server remembers the last one',
    answer: InstanceRestore,
  }),
} as const
