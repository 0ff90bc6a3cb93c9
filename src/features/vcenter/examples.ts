// Examples of the routes about vCenters, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import type { Output } from '../../doors/http/route.ts'
import { at, later, sampleSha256 } from '../../doors/http/samples.ts'
import type { allVcenterRoutes } from './rekey-routes.ts'
import { rekeyExamples } from './rekey/examples.ts'
import type { vcenterRoutes } from './routes.ts'

const vcenter = {
  id: '6f2c1a34-0a5e-4f0a-b1c0-5d8a2f0e9b77',
  name: 'vc.example.com',
  host: 'vc.example.com',
  port: 443,
  trust: { fingerprint: sampleSha256 },
  product: 'VMware vCenter Server',
  version: '8.0.3',
  instanceUuid: 'dbed6e0c-bd88-4ef6-b594-21283e1c677f',
  added: at,
  login: { user: 'inventory@vsphere.local', state: 'stored' as const },
  inventory: { whole: true, reasons: [] as string[], read: at as string | null },
  provider: {
    name: 'mortise-production',
    proof: '5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e',
    connected: at,
  },
  switch: null,
}

const partial = {
  whole: false,
  reasons: ['vc.example.com was read more than five minutes ago'],
  read: null,
}

const added = { ...vcenter, login: null, inventory: partial, provider: null }

const connect: Output<typeof vcenterRoutes.showConnect> = {
  id: '1e0c2c0e-7b63-4d55-8a0b-3f2a9d8c7b10',
  vcenter: vcenter.name,
  provider: 'mortise-production',
  dryRun: false,
  state: 'running',
  steps: [
    { step: 'privileges', state: 'done', text: 'the user has the privileges that this needs' },
    { step: 'provider', state: 'running', text: 'the key provider mortise-production' },
  ],
  warnings: [],
  error: null,
}

const switched: typeof connect = {
  ...connect,
  provider: 'ibm-kmip',
  state: 'done',
  steps: [{ step: 'privileges', state: 'done', text: 'the user has the privileges that this needs' }],
}

const read = {
  id: '2b1e4c0e-7b63-4d55-8a0b-3f2a9d8c7b10',
  vcenter: vcenter.name,
  state: 'running' as const,
  rows: 1_250,
  error: null,
}

export const examples: Examples<typeof allVcenterRoutes> = {
  ...rekeyExamples,
  switchVcenter: {
    body: { user: 'administrator@vsphere.local', password: 'the password', from: 'ibm-kmip', dryRun: true },
    answer: { ...switched, dryRun: true },
  },
  switchBack: {
    body: { user: 'administrator@vsphere.local', password: 'the password' },
    answer: switched,
  },
  switchFinish: { body: {}, answer: switched },
  lookAtVcenter: {
    body: { host: 'vc.example.com' },
    answer: {
      host: 'vc.example.com',
      port: 443,
      certificate: {
        sha256: sampleSha256,
        sha1: '2fd4e1c67a2d28fced849ee1bb76e7391b93eb12',
        subject: 'CN=vc.example.com',
        issuer: 'CN=CA,DC=vsphere,DC=local',
        notBefore: at,
        notAfter: later,
      },
    },
  },
  listVcenters: { answer: [vcenter] },
  showVcenter: { answer: vcenter },
  addVcenter: { body: { host: 'vc.example.com', trust: { fingerprint: sampleSha256 } }, answer: added },
  setVcenter: { body: { trust: { fingerprint: sampleSha256 } }, answer: vcenter },
  removeVcenter: { answer: vcenter },
  connectVcenter: {
    body: { user: 'administrator@vsphere.local', password: '...', default: true },
    answer: connect,
  },
  readVcenter: { body: {}, answer: read },
  showVcenterRead: { answer: { ...read, state: 'done', rows: 3_512 } },
  tryVcenter: {
    body: {},
    answer: {
      product: 'VMware vCenter Server',
      version: '8.0.3',
      build: '24322831',
      apiVersion: '8.0.3.0',
      answers: [
        {
          question: 'ListKmipServers',
          milliseconds: 12,
          counts: { providers: 1, servers: 2, defaults: 1 },
          fault: null,
        },
        {
          question: 'RetrieveClientCert',
          milliseconds: 4,
          counts: {},
          fault: 'privilege: NoPermission',
        },
      ],
    },
  },
  showConnect: {
    answer: {
      ...connect,
      state: 'done',
      steps: [
        { step: 'privileges', state: 'done', text: 'the user has the privileges that this needs' },
        { step: 'provider', state: 'already', text: 'the key provider mortise-production has this server' },
        { step: 'trust-mortise', state: 'already', text: 'vCenter trusts this server' },
        { step: 'trust-vcenter', state: 'already', text: 'this server trusts vCenter' },
        {
          step: 'default',
          state: 'skipped',
          text: "mortise-production is not made vCenter's default provider (--default)",
        },
        { step: 'green', state: 'done', text: 'vCenter says green' },
        {
          step: 'proof',
          state: 'done',
          text: 'vCenter made the key 5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e here, and finds it',
        },
      ],
    },
  },
}
