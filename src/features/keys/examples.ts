// Examples of the routes about keys, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at, clientSample, later, sampleSha256, usedBySample } from '../../doors/http/samples.ts'
import type { keyRoutes } from './routes.ts'

const key = {
  id: '5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e',
  name: null,
  state: 'Active',
  objectType: 'SymmetricKey',
  algorithm: 'AES',
  length: 256,
  vsphere: { name: 'web-server-3', component: 'VM', identifier: 'vm-1017' },
  created: at,
  lastFetched: at,
  recoverableUntil: null,
} as const

const wrappingKey = {
  ...key,
  name: 'wrapping-2026',
  vsphere: { name: null, component: null, identifier: null },
  lastFetched: null,
}

export const examples: Examples<typeof keyRoutes> = {
  listKeys: { answer: { keys: [{ ...key, usedBy: usedBySample }], after: '1017' } },
  createKey: { body: { name: 'wrapping-2026', activate: true }, answer: wrappingKey },
  showKey: {
    answer: {
      ...key,
      usedBy: usedBySample,
      wrapsSensitive: null,
      fetches: {
        times: 3,
        complete: true,
        by: [
          {
            client: 'vcenter-1',
            certificateSha256: sampleSha256,
            address: '192.0.2.7',
            times: 3,
            first: at,
            last: at,
          },
        ],
      },
      attributes: [
        { name: 'CryptographicAlgorithm', index: 0, value: 'AES' },
        { name: 'CryptographicLength', index: 0, value: 256 },
        { name: 'x-Name', index: 0, value: { type: 'TextString', value: 'web-server-3' } },
      ],
    },
  },
  activateKey: { answer: key },
  revokeKey: {
    body: { reason: 'KeyCompromise', message: 'host was stolen' },
    answer: { ...key, state: 'Compromised' },
  },
  destroyKey: { answer: { ...key, state: 'Destroyed', recoverableUntil: later } },
  showOneWay: {
    answer: {
      keys: [{ ...key, fetchedBy: ['vcenter-1'] }],
      clients: [{ id: clientSample.id, name: 'backup-server', operations: ['ModifyAttribute'] }],
      moreClients: 0,
      after: null,
    },
  },
  setKey: { body: { wrapsSensitive: true }, answer: key },
  undestroyKey: { body: { withoutTakenNames: false }, answer: { ...key, state: 'Deactivated' } },
}
