// Examples of the routes about clients, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at, instanceSample, later, samplePem, sampleSha256 } from '../../doors/http/samples.ts'
import type { clientRoutes } from './routes.ts'

const client = {
  id: '0f4c1f0e-7d5b-4c8e-9f53-6a0f6d7d2b10',
  name: 'vcenter-1',
  instance: instanceSample,
  expiredGraceDays: null,
  credential: null,
  lastSeen: { at, address: '192.0.2.7', certificateSha256: sampleSha256 },
  allow: ['all'],
  created: at,
  certificates: [
    {
      sha256: sampleSha256,
      subject: 'CN=kmipClient20260301120000',
      warnings: [],
      notBefore: at,
      notAfter: later,
      lastSeen: at,
      lastAddress: '192.0.2.10',
      created: at,
    },
  ],
  authorities: [],
}

const block = { sha256: sampleSha256, reason: 'host was stolen', created: at }

export const examples: Examples<typeof clientRoutes> = {
  listClients: { answer: [client] },
  showClient: { answer: client },
  setClient: {
    body: {
      credential: { mode: 'required', userName: 'vcenter', password: 'a password as typed in vCenter' },
    },
    answer: { ...client, credential: { mode: 'required', userName: 'vcenter' } },
  },
  removeCertificate: { answer: { ...client, certificates: [] } },
  trustClient: {
    body: { by: 'pending', name: 'vcenter-1', sha256: sampleSha256 },
    answer: { ...client, sha256: sampleSha256 },
  },
  signClient: {
    body: {
      name: 'vcenter-1',
      request: '-----BEGIN CERTIFICATE REQUEST-----\nMIIC...\n-----END CERTIFICATE REQUEST-----\n',
      days: 3650,
    },
    answer: { ...client, sha256: sampleSha256, certificate: samplePem, authority: samplePem },
  },
  removeClient: { answer: { id: client.id, name: client.name } },
  listPending: {
    answer: [
      {
        sha256: sampleSha256,
        subject: 'CN=kmipClient20260301120000',
        issuer: 'CN=CA, DC=vsphere, DC=local',
        notAfter: later,
        address: '192.0.2.10',
        first: at,
        last: at,
        attempts: 9,
        certificate: samplePem,
      },
    ],
  },
  blockCertificate: { body: { sha256: sampleSha256, reason: 'host was stolen' }, answer: block },
  listBlocks: { answer: [block] },
  unblockCertificate: { answer: block },
}
