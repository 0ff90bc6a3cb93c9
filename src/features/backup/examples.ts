// Examples of the routes about backups, for the OpenAPI document (see examples.ts).

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
