// The examples of adoption in the description of the admin API.

import type { adoptionRoutes } from './routes.ts'
import { upstreamExamples } from './upstream-examples.ts'
import type { upstreamRoutes } from './upstream-routes.ts'
import type { Examples } from '../../doors/http/example.ts'
import type { Output } from '../../doors/http/route.ts'

const none = { count: 0, items: [] }
const adoption: Output<(typeof adoptionRoutes)['showAdoption']> = {
  id: '0d9a2f4c-7b1e-4a53-8c60-e1f5b2d7a938',
  servers: ['kmip-1.example.com:5696'],
  state: 'done',
  step: 'verify',
  done: 120,
  total: 120,
  trouble: null,
  report: {
    server: 'kmip-1.example.com:5696',
    version: '1.2',
    dryRun: false,
    objects: 121,
    adopted: 120,
    updated: 0,
    unchanged: 0,
    conflicts: none,
    sharedNames: none,
    notStored: {
      count: 1,
      items: [{ id: '17', why: 'this server does not keep objects of type Certificate yet' }],
    },
    notStoredTypes: { Certificate: 1 },
    notExported: none,
    withoutAttributes: none,
    notChecked: none,
    unchecked: 0,
    verified: { equal: 120, different: none },
  },
  error: null,
}

const rootKey =
  'keyprotect://us-south.kms.cloud.ibm.com/3b1d2c44-6a5f-4c7e-9d1a-0f2e4b8c7a61/8a4c2f10-5b7d-4e3a-9c61-d20f7b5e8a94'
const pem = '-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----\n'

export const examples: Examples<typeof adoptionRoutes & typeof upstreamRoutes> = {
  beginAdoption: {
    body: {
      servers: ['kmip-1.example.com'],
      certificate: pem,
      privateKey: '-----BEGIN PRIVATE KEY-----\nMIGH...\n-----END PRIVATE KEY-----\n',
      trust: { authority: pem },
      dryRun: false,
      verify: true,
    },
    answer: { ...adoption, state: 'running', step: 'adopt', done: 40, report: null },
  },
  beginStandardKeyAdoption: {
    body: {
      rootKey,
      apiKey: 'aZ0...',
      proof: {
        rootKey,
        ways: [{ way: 'text, aad none', content: 'bytes', naming: 'behind prefix' }],
        salt: '7e'.repeat(32),
        checks: { 'f6d1a0c2-0b57-4c3e-9f5d-2a7e8c1b4d90': '5d'.repeat(16) },
      },
      unchecked: false,
      dryRun: false,
    },
    answer: { ...adoption, servers: [rootKey], state: 'running', step: 'adopt', done: 40, report: null },
  },
  showAdoption: { answer: adoption },
  listAdoptions: { answer: [adoption] },
  compareAdopted: { answer: { ...adoption, state: 'running', step: 'verify', done: 40, report: null } },
  checkAdoption: {
    body: { ids: ['f6d1a0c2-0b57-4c3e-9f5d-2a7e8c1b4d90'] },
    answer: { present: 0, missing: ['f6d1a0c2-0b57-4c3e-9f5d-2a7e8c1b4d90'], destroyed: [] },
  },
  ...upstreamExamples,
}
