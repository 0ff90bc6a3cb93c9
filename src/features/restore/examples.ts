// Examples of the routes about restores, for the description of the admin API.

import type { Output } from '../../doors/http/route.ts'
import type { restoreRoutes } from './routes.ts'

type Answer<N extends keyof typeof restoreRoutes> = Output<(typeof restoreRoutes)[N]>

const instance = { id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61', name: 'production' }
const rootKey =
  'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f75d'

const fromKeyProtect: Answer<'showRestore'> = {
  id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  rootKey,
  state: 'done',
  step: 'write',
  done: 122,
  total: 122,
  trouble: null,
  report: {
    instance,
    formerName: 'production',
    objects: { Active: 119, Deactivated: 1 },
    opens: 119,
    deleted: [{ id: '3f0c1a5e-5c2d-4f0b-9f6a-7b8c9d0e1f2a', name: 'web-server-3' }],
    elsewhere: [],
    unnamed: [],
    movesFrom: null,
    leftFor: null,
    deletedAt: null,
    gone: 2,
    ignored: [],
  },
  error: null,
  choices: [],
}

const upload = '0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1'
const uploadBytes = 482_113

const fromBackup: Answer<'showInstanceRestore'> = {
  id: '6f9619ff-8b86-4d01-b42d-00cf4fc964ff',
  state: 'done',
  step: 'write',
  done: 770,
  total: 770,
  report: {
    instance,
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

export const examples = {
  beginRestore: {
    body: { rootKey },
    answer: {
      ...fromKeyProtect,
      state: 'running',
      step: 'keys',
      done: 40,
      report: null,
    } satisfies Answer<'showRestore'>,
  },
  showRestore: { answer: fromKeyProtect },
  beginUpload: { body: { bytes: uploadBytes }, answer: { id: upload } },
  addUploadPart: { body: Buffer.from('mortise backup 1\n...'), answer: { received: uploadBytes } },
  removeUpload: { answer: { id: upload } },
  previewInstanceRestore: {
    body: { upload, instance: 'production' },
    answer: {
      backup: {
        id: '5d41402abc4b2a76b9719d911017c592',
        serverId: '4a8a08f09d37b73795649038408b5f33',
        created: '2026-03-01T12:00:00.000Z',
      },
      instance: { ...instance, custody: 'database', rootKey: 'file:root.key', objects: 121 },
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
      ...fromBackup,
      state: 'running',
      step: 'check',
      done: 200,
      report: null,
    } satisfies Answer<'showInstanceRestore'>,
  },
  showInstanceRestore: { answer: fromBackup },
}
