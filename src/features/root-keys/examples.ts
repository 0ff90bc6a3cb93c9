// Examples of the routes about root keys, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import type { Output } from '../../doors/http/route.ts'
import { at, instanceSample, sampleSha256 } from '../../doors/http/samples.ts'
import type { rootKeyRoutes } from './routes.ts'

const rootKeys: Output<(typeof rootKeyRoutes)['listRootKeys']> = [
  {
    id: '02fd6835-6001-4482-a892-13bd2085f75d',
    uri: 'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f75d',
    name: 'vmware root key',
    aliases: ['vmware'],
    state: 'active',
    keyRing: 'default',
    created: '2026-02-01T09:30:00Z',
    lastRotated: null,
    expires: null,
  },
]

const leftStandardKeys: Output<(typeof rootKeyRoutes)['listLeftStandardKeys']>[number] = {
  service: '12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
  rootKeys: rootKeys.map(({ uri }) => uri),
  left: 3,
  instances: [{ id: '0a5b3f4e-7c1d-4e2a-9b8f-6d5c4e3f2a10', name: null, count: 3 }],
  inUse: [],
  cause: 'Key Protect at us-south.kms.cloud.ibm.com cannot be reached',
}

export const examples: Examples<typeof rootKeyRoutes> = {
  listRootKeys: { answer: rootKeys },
  listRootKeysWith: {
    body: {
      rootKey: 'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
      ibmApiKey: 'an-api-key-of-a-service-id',
    },
    answer: rootKeys,
  },
  listLeftStandardKeys: { answer: [leftStandardKeys] },
  forgetLeftStandardKeys: {
    body: { service: leftStandardKeys.service, left: leftStandardKeys.left },
    answer: leftStandardKeys,
  },
  challengeRootKeyCopy: {
    body: {},
    answer: { id: instanceSample.id, rootKey: 'file:root.key', rootKeyId: 'a1'.repeat(16), wrapped: 'AQ...' },
  },
  recordRootKeyCopy: {
    body: { challenge: { id: instanceSample.id, answer: sampleSha256 } },
    answer: { rootKey: 'file:root.key', rootKeyId: 'a1'.repeat(16), by: 'alice', at, verified: true },
  },
}
