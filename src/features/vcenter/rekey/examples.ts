// Examples of the routes about rekey campaigns, for the description of the admin API.

import type { Examples } from '../../../doors/http/example.ts'
import type { Output } from '../../../doors/http/route.ts'
import { at, later, sampleSha256 } from '../../../doors/http/samples.ts'
import type { rekeyRoutes } from '../rekey-routes.ts'

const login = { user: 'rekey@vsphere.local', password: 'the password of that user' }

const planned: Output<typeof rekeyRoutes.showRekey> = {
  vcenter: 'vc.example.com',
  state: 'planned',
  plan: sampleSha256,
  machines: ['web-*'],
  from: null,
  deep: false,
  provider: 'mortise-production',
  width: 4,
  window: { from: '22:00', to: '05:00', timeZone: 'Europe/Berlin' },
  withoutCopy: false,
  planned: at,
  began: null,
  ended: null,
  by: null,
  login: null,
  reason: null,
  trouble: null,
  waits: false,
  counts: { planned: 40, cannot: 2, keyed: 0, done: 0, failed: 0, changed: 0 },
}

const running: typeof planned = {
  ...planned,
  state: 'running',
  began: at,
  by: 'anna',
  login: { user: login.user, until: later },
  counts: { ...planned.counts, planned: 20, keyed: 4, done: 16 },
}

const paused: typeof planned = {
  ...running,
  state: 'paused',
  reason: '5 machines failed one after the other, the last one web-7: its host is in maintenance mode',
}

const planning = {
  id: '3a9d4c0e-7b63-4d55-8a0b-3f2a9d8c7b10',
  vcenter: 'vc.example.com',
  state: 'running' as const,
  seen: 420,
  error: null,
}

export const rekeyExamples: Examples<typeof rekeyRoutes> = {
  planRekey: {
    body: {
      machines: ['web-*'],
      window: { from: '22:00', to: '05:00', timeZone: 'Europe/Berlin' },
    },
    answer: planning,
  },
  showRekeyPlan: { answer: { ...planning, state: 'done', seen: 980 } },
  showRekey: { answer: paused },
  listRekeyMachines: {
    answer: [
      {
        kind: 'vm',
        id: 'vm-42',
        name: 'web-1',
        state: 'done',
        oldKeys: ['5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e'],
        newKey: '9c0a6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e',
        reason: null,
      },
    ],
  },
  beginRekey: { body: { plan: sampleSha256, login }, answer: running },
  pauseRekey: { answer: { ...paused, reason: null } },
  resumeRekey: { body: { login, retry: true }, answer: running },
  endRekey: { answer: { ...running, state: 'ended', ended: later, login: null } },
}
