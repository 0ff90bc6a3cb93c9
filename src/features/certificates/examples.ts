// Examples of the routes about the server's certificate, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at, later, samplePem, sampleSha256 } from '../../doors/http/samples.ts'
import type { certificateRoutes } from './routes.ts'

const shownCertificate = {
  sha256: sampleSha256,
  sha1: 'b604b3e28c00355b84773b885876d91102d8ddb7',
  subject: 'CN=kms.example.com',
  issuer: 'CN=Mortise CA 1f2e3d4c',
  names: ['kms.example.com', '192.0.2.5'],
  key: 'RSA 2048',
  notBefore: at,
  notAfter: later,
  certificate: samplePem,
}

const serverCertificate = {
  ...shownCertificate,
  authority: samplePem,
  staged: null,
  previous: null,
  request: null,
}

const stagedCertificate = {
  ...shownCertificate,
  origin: 'renewed' as const,
  created: at,
  at: null,
  warnings: [],
}

const certificateRequest = {
  request: '-----BEGIN CERTIFICATE REQUEST-----\nMIIC...\n-----END CERTIFICATE REQUEST-----\n',
  names: ['kms.example.com', '192.0.2.5'],
  created: at,
}

export const examples: Examples<typeof certificateRoutes> = {
  showServerCertificate: { answer: serverCertificate },
  requestServerCertificate: {
    body: { names: ['kms.example.com', '192.0.2.5'] },
    answer: { ...serverCertificate, request: certificateRequest },
  },
  importServerCertificate: {
    body: { certificate: samplePem, at: later },
    answer: { ...serverCertificate, staged: { ...stagedCertificate, origin: 'imported', at: later } },
  },
  renewServerCertificate: {
    body: { names: ['kms.example.com', '192.0.2.5'] },
    answer: { ...serverCertificate, staged: stagedCertificate },
  },
  activateServerCertificate: {
    body: { which: 'staged' },
    answer: { ...serverCertificate, previous: shownCertificate },
  },
  discardServerCertificate: { answer: serverCertificate },
}
