// The part of the route table that is about backups, which the server makes in its own folder.

import { z } from 'zod'
import { route } from '../../doors/http/route.ts'
import { time } from '../../doors/http/schemas.ts'

const Backup = z
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

const path = '/api/v1/backups'

export const backupRoutes = {
  createBackup: route({
    method: 'post',
    path,
    role: 'manager',
    scope: 'server',
    summary: 'Make a backup of everything, while the server goes on; answers when it is on the disk',
    body: z.strictObject({
      recipients: z.array(z.string().min(1).max(8192)).max(20).default([]).meta({
        description:
          'age recipients (age1...), or certificates in PEM: whoever has an identity or the private key of one can open this backup without its root keys, also after these were deleted.',
      }),
    }),
    answer: Backup,
    status: 201,
    slow: true,
  }),
  listBackups: route({
    method: 'get',
    path,
    role: 'viewer',
    scope: 'server',
    summary: "The backups in the server's folder, newest first, and how far a running one is",
    answer: z.object({ backups: z.array(Backup), status: BackupStatus }),
  }),
  readBackup: route({
    method: 'get',
    path: `${path}/{backup}/content`,
    role: 'manager',
    scope: 'server',
    summary: 'The file of a backup, sealed as it is',
    answer: z.string(),
    media: 'application/octet-stream',
    slow: true,
  }),
  noteBackupVerified: route({
    method: 'post',
    path: `${path}/{backup}/verified`,
    role: 'manager',
    scope: 'server',
    summary: 'Record that a backup was verified: mortise backup verify does',
    answer: z.object({ id: z.string() }),
  }),
}
