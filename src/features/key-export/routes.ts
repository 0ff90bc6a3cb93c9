// The routes about the export of keys, for those who leave Mortise. No other route hands out key
// material, and this one only sealed.

import { z } from 'zod'
import { instancePath, route } from '../../doors/http/route.ts'
import { failure } from '../../doors/http/shown-job.ts'

const path = `${instancePath}/key-exports`
const manager = { role: 'manager', scope: 'instance' } as const

export const keyExportRoutes = {
  exportKeys: route({
    method: 'post',
    path,
    ...manager,
    guarded: true,
    summary:
      'Export all keys of an instance as an age file (for certificates a CMS file), sealed on the server to the recipients; docs/leave.md has the format',
    body: z.strictObject({
      id: z.uuid().meta({ description: 'An id of your choice, by which to ask for the outcome.' }),
      recipients: z.array(z.string().min(1).max(8192)).min(1).max(20).meta({
        description:
          'age recipients (age1...), or certificates in PEM: the holder of an identity or of the private key of one can read every key.',
      }),
    }),
    answer: z.string(),
    media: 'application/octet-stream',
    slow: true,
  }),
  showKeyExport: route({
    method: 'get',
    path: `${path}/{export}`,
    ...manager,
    summary: 'What an export contains and what it left out; the last one is remembered until a restart',
    answer: z
      .object({
        id: z.string(),
        state: z.enum(['running', 'done', 'failed']),
        keys: z.int(),
        destroyed: z.int().meta({ description: 'Left out, since they were destroyed.' }),
        notExported: z
          .object({ count: z.int(), items: z.array(z.object({ id: z.string(), why: z.string() })) })
          .meta({ description: 'Left out, because they may not leave or do not open.' }),
        error: failure('Why it failed.'),
      })
      .meta({ id: 'KeyExport' }),
  }),
} as const
