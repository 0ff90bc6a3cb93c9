// The part of the route table that restores an instance from the standard keys beside its root key. One request
// begins the restore and others look at it: a client that stops looking stops nothing.

import { z } from 'zod'
import { errorCodes } from './errors.ts'
import { route } from './route.ts'
import { ibmApiKey, name, time } from './schemas.ts'

const named = z.object({
  id: z.string().meta({ description: 'Unique Identifier.' }),
  name: z.string().nullable().meta({ description: 'Its Name, if it had one when it was created.' }),
})

const Report = z.object({
  instance: z.object({ id: z.string(), name: z.string() }),
  formerName: z.string().nullable().meta({ description: 'The name it had; null: not known.' }),
  objects: z.record(z.string(), z.int()).meta({ description: 'Objects that are back, by state.' }),
  opens: z.int().meta({ description: 'How many of them have their key material.' }),
  deleted: z.array(named).meta({
    description:
      'Their standard keys were deleted in Key Protect: back, but revoked. Restored there within 30 days, they open again.',
  }),
  elsewhere: z.array(named).meta({
    description: 'A root key that was not named sealed them: back, but they do not open.',
  }),
  movesFrom: z.string().nullable().meta({
    description: 'It was on its way from this root key, and goes on in the background; null: it was not.',
  }),
  leftFor: z.object({ rootKey: z.string(), at: time }).nullable().meta({
    description:
      'It was on its way into the database, sealed by this root key. What had arrived there is lost with it, and is told as deleted.',
  }),
  gone: z.int().meta({
    description:
      'Keys of which every standard key was deleted, because they were destroyed or their owner deleted them: they are not back.',
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
        'list: standard keys are looked for. keys: they are read and opened. write: they are entered in the database.',
    }),
    done: z.int(),
    total: z.int().nullable().meta({ description: 'null: not known yet.' }),
    trouble: z.string().nullable().meta({ description: 'Why it waits at the moment; it goes on by itself.' }),
    report: Report.nullable().meta({ description: 'Once it is done.' }),
    error: z
      .object({ code: z.enum(errorCodes), message: z.string(), hint: z.string().nullable() })
      .nullable()
      .meta({ description: 'Why it failed. Nothing is there then; it can be done again.' }),
    choices: z
      .array(z.object({ instance: z.string(), keys: z.int(), newest: time.nullable() }))
      .meta({ description: 'Where several instances were found, and one must be chosen.' }),
  })
  .meta({ id: 'Restore' })

const manager = { role: 'manager', scope: 'server' } as const

export const restoreRoutes = {
  beginRestore: route({
    method: 'post',
    path: '/api/v1/restores',
    ...manager,
    summary:
      'Bring an instance with the custody keyprotect back from Key Protect or HPCS, without its database. Asked again while it runs, it is the same',
    body: z.strictObject({
      rootKey: z.string().min(1).max(1024).meta({ description: 'URI of the root key that it had.' }),
      oldRootKeys: z.array(z.string().min(1).max(1024)).max(8).optional().meta({
        description:
          'Others that seal keys of it, because it was on its way from them when its database was lost.',
      }),
      partial: z.boolean().optional().meta({
        description: 'Also when keys of it lie under root keys that are not named: those stay closed.',
      }),
      instance: z.string().min(1).max(100).optional().meta({
        description: 'Its id; needed where several lie beside the root key.',
      }),
      name: name.optional().meta({ description: 'Another name than it had.' }),
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
    summary: 'How far a restore is, and what it brought back; the last one is remembered until a restart',
    answer: Restore,
  }),
} as const
