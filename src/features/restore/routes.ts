// The part of the route table that restores an instance from the standard keys beside its root key. One request
// begins the restore and others look at it: a client that stops looking stops nothing.

import { z } from 'zod'
import { route } from '../../doors/http/route.ts'
import { ibmApiKey, name, time } from '../../doors/http/schemas.ts'
import { failure } from '../../doors/http/shown-job.ts'

const named = z.object({
  id: z.string().meta({ description: 'Unique Identifier.' }),
  name: z.string().nullable().meta({ description: 'Its Name, if it had one when it was created.' }),
})

const Report = z.object({
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
    report: Report.nullable().meta({ description: 'The report, once the restore is done.' }),
    error: failure('Why it failed. Then nothing was restored, and it can run again.'),
    choices: z
      .array(z.object({ instance: z.string(), keys: z.int(), newest: time.nullable() }))
      .meta({ description: 'The instances that were found, if there are several and one must be chosen.' }),
  })
  .meta({ id: 'Restore' })

const manager = { role: 'manager', scope: 'server' } as const

export const restoreRoutes = {
  beginRestore: route({
    method: 'post',
    path: '/api/v1/restores',
    ...manager,
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
} as const
