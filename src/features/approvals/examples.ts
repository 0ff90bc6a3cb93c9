// Examples of requests that wait for a second person, for the OpenAPI document.

import type { approvalRoutes } from './routes.ts'
import type { Output } from '../../doors/http/route.ts'

const waiting: Output<(typeof approvalRoutes)['showApproval']> = {
  id: '3f0c8f0e-6a52-4f6c-9d3e-0b5a7c1e2d44',
  act: 'key destroy',
  state: 'waiting',
  instance: { id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61', name: 'production' },
  facts: [
    { name: 'Key', value: '6f1d3d0a-8f6e-4f0d-9a39-5a4a5e7b8c10' },
    { name: 'State', value: 'Deactivated' },
    { name: 'Instance', value: 'production' },
    { name: 'Can be brought back for', value: '7 days' },
  ],
  request: {
    route: 'destroyKey',
    instance: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61',
    key: '6f1d3d0a-8f6e-4f0d-9a39-5a4a5e7b8c10',
  },
  askedBy: { person: 'alice', token: 'alice-laptop', subject: null },
  asked: '2026-03-01T12:00:00.000Z',
  ends: '2026-03-02T12:00:00.000Z',
  decidedBy: null,
  decided: null,
  reason: null,
  repeated: false,
  isMine: false,
  mayApprove: true,
  whyNot: null,
  approvers: ['bob', 'carol'],
  approverGroups: ['kms-admins'],
  result: null,
}

const decided = {
  ...waiting,
  decidedBy: {
    person: 'bob',
    token: null,
    subject: 'https://login.example.com/realms/staff#9a0364b9-5f0e-4a0c-8d53-1c2f1a7b9e02',
  },
  decided: '2026-03-01T12:20:00.000Z',
  mayApprove: false,
  approvers: [],
  approverGroups: [],
}

export const waitingExample = { approval: waiting, token: null }

export const approvalExamples = {
  listApprovals: { answer: [waiting] },
  showApproval: { answer: waiting },
  approve: { answer: { ...decided, state: 'done' as const } },
  refuseApproval: {
    body: { reason: 'the host is still in use' },
    answer: { ...decided, state: 'refused' as const, reason: 'the host is still in use' },
  },
  cancelApproval: { answer: { ...decided, state: 'cancelled' as const, isMine: true } },
}
