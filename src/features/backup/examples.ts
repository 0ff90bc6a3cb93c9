// Examples of the routes about backups, for the OpenAPI document (see examples.ts).

import type { Output } from '../../doors/http/api.ts'

const backup = {
  id: '5d41402abc4b2a76b9719d911017c592',
  file: '/var/lib/mortise/backups/mortise-20260301T120000Z-5d41402a.backup',
  created: '2026-03-01T12:00:00.000Z',
  bytes: 482_113,
  version: '0.1.0',
  objects: 121,
  entries: 642,
  rootKeys: ['file:root.key'],
  recipients: [],
  elsewhere: true,
}

export const backupStatus = {
  scheduled: true,
  folder: '/var/lib/mortise/backups',
  last: backup,
  failure: null,
  running: null,
  keysAtRisk: 0,
  keysOnlyHere: 0,
  verified: '2026-03-01T12:00:00.000Z',
}

export const backupExamples = {
  createBackup: { body: { recipients: [] }, answer: { ...backup, elsewhere: false } },
  listBackups: { answer: { backups: [backup], status: backupStatus } },
  readBackup: { answer: 'mortise backup 1\n...' },
  noteBackupVerified: { answer: { id: backup.id } },
}

const upload = '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1'
const restored = { id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61', name: 'production' }
const restore: Output<'showInstanceRestore'> = {
  id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  state: 'done',
  step: 'write',
  done: 770,
  total: 770,
  report: {
    instance: restored,
    rootKey: 'file:root.key',
    objects: { Active: 119, Deactivated: 1 },
    closedAgain: 1,
    notOpening: { count: 0, named: [] },
    lost: { count: 0, named: [] },
    clients: ['vcenter-1'],
    leftOut: [],
  },
  error: null,
}

export const backupRestoreExamples = {
  beginUpload: { body: { bytes: backup.bytes }, answer: { id: upload } },
  addUploadPart: { body: Buffer.from('mortise backup 1\n...'), answer: { received: backup.bytes } },
  removeUpload: { answer: { id: upload } },
  previewInstanceRestore: {
    body: { upload, instance: 'production' },
    answer: {
      backup: { id: backup.id, serverId: '4a8a08f09d37b73795649038408b5f33', created: backup.created },
      instance: { ...restored, custody: 'database', rootKey: 'file:root.key', objects: 121 },
      gone: { at: '2026-03-02T09:30:00.000Z', shredded: true },
      closingsKnown: true,
      clients: [
        {
          id: '0b9f3c1e-7a52-4f0e-9d61-2c8f5e4a7b13',
          name: 'vcenter-1',
          certificates: [
            '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
            'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
          ],
          authorities: [],
          leftOut: [],
        },
      ],
      needed: ['shredded' as const],
    },
  },
  beginInstanceRestore: {
    body: { upload, instance: 'production', confirmed: ['shredded' as const] },
    answer: {
      ...restore,
      state: 'running',
      step: 'check',
      done: 200,
      report: null,
    } satisfies Output<'showInstanceRestore'>,
  },
  showInstanceRestore: { answer: restore },
}
