// The part of the route table that is about backups, which the server makes in its own folder.

import { z } from 'zod'
import { Backup, BackupStatus } from '../../doors/http/plug-schemas.ts'
import { route } from '../../doors/http/route.ts'

const path = '/api/v1/backups'

export const backupRoutes = {
  createBackup: route({
    method: 'post',
    path,
    role: 'manager',
    scope: 'server',
    guarded: true,
    summary: 'Make a backup of everything, while the server goes on; answers when it is on the disk',
    body: z.strictObject({
      recipients: z.array(z.string().min(1).max(8192)).max(20).default([]).meta({
        description:
          'age recipients (age1...), or certificates in PEM: the holder of an identity or of the private key of one can open this backup without its root keys, also after these were deleted.',
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
