// Schemas of what plugs answer (plugs.ts), for the routes of the feature that has the plug and of those that show its answer too.

import { z } from 'zod'
import { inventoryNamesToldMax } from './bounds.ts'
import { shownSha256, time } from './schemas.ts'

export const ShownUpstream = z
  .object({
    servers: z.array(z.string()),
    certificateSha256: shownSha256.meta({
      description: 'The client certificate that the old server is shown.',
    }),
    since: time,
    state: z.enum(['on', 'off', 'not-answering']).meta({
      description:
        'off: it is not asked since a restore, until a manager turns it on. not-answering: it did not answer when it was last asked.',
    }),
    off: time.nullable().meta({ description: 'Since when it is off.' }),
    adopted: z
      .int()
      .meta({ description: 'Objects that were adopted from it because a client asked for them.' }),
    lastAdopted: time.nullable(),
    lastAnswer: time.nullable().meta({ description: 'null: none since this server was started.' }),
    lastFailure: z.object({ at: time, message: z.string() }).nullable().meta({
      description: 'When it last did not answer, and why; null: not since this server was started.',
    }),
    notAdopted: z.array(z.object({ id: z.string(), why: z.string() })).meta({
      description: 'Objects that it has and that could not be adopted when a client asked for them.',
    }),
  })
  .meta({ id: 'Upstream' })

export const Backup = z
  .object({
    id: z.string(),
    file: z.string().meta({ description: "The path of the file on the server's machine." }),
    created: time,
    bytes: z.int(),
    version: z.string().meta({ description: 'The version of Mortise that made it.' }),
    objects: z.int().meta({ description: 'Keys and other objects in it, destroyed ones included.' }),
    entries: z.int().meta({ description: 'Audit entries in it.' }),
    rootKeys: z.array(z.string()).meta({ description: 'The root keys that it takes to open all of it.' }),
    recipients: z.array(z.string()).meta({
      description:
        'Who can open it without the root keys: age recipients, or the fingerprints of certificates.',
    }),
    elsewhere: z
      .boolean()
      .meta({ description: 'The command backup.after copied it elsewhere, or a newer one.' }),
  })
  .meta({ id: 'Backup' })

export const BackupStatus = z
  .object({
    scheduled: z.boolean().meta({ description: 'The server makes backups by itself.' }),
    folder: z.string(),
    last: Backup.nullable(),
    failure: z
      .object({ at: time, message: z.string() })
      .nullable()
      .meta({ description: 'Why the last attempt failed; null: it did not.' }),
    running: z.object({ done: z.int(), total: z.int() }).nullable(),
    keysAtRisk: z.int().meta({ description: 'Keys and other objects that are in no backup.' }),
    keysOnlyHere: z
      .int()
      .meta({ description: 'Those in no backup that the command backup.after copied elsewhere.' }),
    verified: time.nullable().meta({ description: 'When a backup was last verified.' }),
  })
  .meta({ id: 'BackupStatus' })

export const UsedBy = z
  .object({
    machines: z.int().meta({ description: 'Each once, however many disks it has.' }),
    first: z
      .array(z.object({ kind: z.string(), name: z.string() }))
      .meta({ description: `At most ${inventoryNamesToldMax} of them.` }),
    asOf: time.meta({ description: 'When the oldest of the inventories was taken that say so.' }),
    old: z.boolean(),
  })
  .meta({ id: 'UsedBy' })

/** Confirms that the asker knows what the request closes. */
export const inUse = z.coerce.number().int().min(0).max(10_000_000).optional().meta({
  description:
    'If an inventory names machines that use it: their number, as `usedBy.machines` says. With another number, and without it, the request is refused.',
})
