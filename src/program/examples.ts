// An example of each route's request and answer, for the OpenAPI document and its pages: one table, and long because of that.
// A route without an example does not compile, and a test checks each example against the schemas of its route.

import { backupExamples, backupStatus } from '../features/backup/examples.ts'
import { restoreExamples } from '../features/restore/examples.ts'
import { approvalExamples, waitingExample } from '../features/approvals/examples.ts'
import { adoptionExamples } from '../features/adopt/examples.ts'
import { inventoryExamples, usedByExample } from '../features/inventory/examples.ts'
import { keyExportExamples } from '../features/key-export/examples.ts'
import { loginExamples, sessionExample } from '../features/login/examples.ts'
import { objectRuleExamples } from '../features/instances/object-rule-examples.ts'
import { upstreamExample, upstreamExamples } from '../features/adopt/upstream-example.ts'
import type { Examples } from '../doors/http/example.ts'
import type { DescribedApi } from '../doors/http/openapi.ts'
import { routes, type Output, type Routes } from './routes.ts'

const at = '2026-03-01T12:00:00.000Z'
const later = '2036-02-27T12:00:00.000Z'
const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
const pem = '-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----\n'

const instance = {
  id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61',
  name: 'production',
  custody: 'database',
  rootKey: 'file:root.key',
  ibmApiKeySource: 'none',
  cacheSeconds: 300,
  outageSeconds: 3600,
  expiredGraceDays: 30,
  portable: false,
  objectsMax: 2_000_000,
  bytesMax: 4_294_967_296,
  destroyDelaySeconds: 604_800,
  names: 'unique',
  lengths: 'strict',
  restrictions: 'as-sent',
  wrappingKeys: [] as { id: string; wraps: boolean }[],
  rules: { defaults: 0, constraints: 0 },
  created: at,
} as const

const work = {
  id: 'b0f6a3c2-7f41-4e58-9d2a-60c5e1d87b93',
  kind: 'move',
  from: { rootKey: 'file:production.key', custody: 'database', leavesStandardKeys: false },
  started: at,
  done: 100,
  total: 122,
  trouble: null,
  node: null,
} as const

const held = {
  objects: { used: 121, max: instance.objectsMax },
  bytes: { used: 201_344, max: instance.bytesMax },
}

const recoverable = { count: 1, firstUntil: later, lastUntil: later }

const named = { id: instance.id, name: instance.name }

const shownCertificate = {
  sha256,
  sha1: 'b604b3e28c00355b84773b885876d91102d8ddb7',
  subject: 'CN=kms.example.com',
  issuer: 'CN=Mortise CA 1f2e3d4c',
  names: ['kms.example.com', '192.0.2.5'],
  key: 'RSA 2048',
  notBefore: at,
  notAfter: later,
  certificate: pem,
}

const serverCertificate = { ...shownCertificate, authority: pem, staged: null, previous: null, request: null }

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

const client = {
  id: '0f4c1f0e-7d5b-4c8e-9f53-6a0f6d7d2b10',
  name: 'vcenter-1',
  instance: named,
  expiredGraceDays: null,
  credential: null,
  lastSeen: { at, address: '192.0.2.7', certificateSha256: sha256 },
  allow: ['all'],
  created: at,
  certificates: [
    {
      sha256,
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

const token = {
  id: '7d0a1f52-3f58-4a0e-8f0d-1b8a2f6f2c11',
  name: 'grafana',
  role: 'viewer',
  owner: null,
  instance: null,
  created: at,
  expires: null,
  expired: false,
  lastUsed: at,
  lastAddress: '192.0.2.30',
} as const

const block = { sha256, reason: 'host was stolen', created: at }

const entry = {
  writer: 'c1a5298f-939e-4c52-b1f7-0b1b9d6e1c55',
  number: 42,
  hash: sha256,
  at,
  action: 'key.get',
  result: 'success',
  instanceId: instance.id,
  object: key.id,
  actor: {
    kind: 'client',
    id: client.id,
    name: client.name,
    certificateSha256: sha256,
    address: '192.0.2.10',
  },
  reason: null,
  requestId: '3f1c7a52-5b0e-4f0a-9d53-2e8c3a1f9f0e',
  detail: null,
} as const

const entries = { entries: [entry], after: null }

const rootKeys: Output<'listRootKeys'> = [
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

const leftStandardKeys: Output<'listLeftStandardKeys'>[number] = {
  service: '12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
  rootKeys: rootKeys.map(({ uri }) => uri),
  left: 3,
  instances: [{ id: '0a5b3f4e-7c1d-4e2a-9b8f-6d5c4e3f2a10', name: null, count: 3 }],
  inUse: [],
  cause: 'Key Protect at us-south.kms.cloud.ibm.com cannot be reached',
}

export const examples: Examples<Routes> = {
  live: { answer: { live: true } },
  ready: {
    answer: {
      ready: true,
      degradedInstances: 0,
      degraded: [],
      unreachable: [],
      withdrawn: [],
      newKeysRefused: [],
      readsRefused: [],
      standardKeysLeft: [],
      closingsUnrecorded: [],
      otherServers: [],
      nearLimit: [],
      recoverableKeys: 1,
      conditions: { critical: 0, warning: 1, notice: 0 },
    },
  },
  metrics: {
    answer:
      '# HELP mortise_ready Whether this node can serve (1) or not (0).\n# TYPE mortise_ready gauge\nmortise_ready 1\n',
  },
  status: {
    answer: {
      version: '0.1.0',
      started: at,
      ready: true,
      servesKeys: true,
      reason: null,
      kmip: '[::]:5696',
      fips: null,
      kmipHttps: null,
      instances: [
        {
          ...named,
          rootKey: 'ok',
          rootKeyReason: null,
          served: true,
          clients: 1,
          objects: { Active: 120, PreActive: 1 },
          recoverable,
          limits: held,
          upstream: null,
        },
      ],
      pending: 0,
      traffic: { keysPerMinute: 42, connections: 3 },
      mayAll: { count: 1, clients: [{ name: client.name, instance: named.name }] },
      expiries: [
        { kind: 'client', name: client.name, instance: named, sha256, notAfter: later, daysLeft: 3650 },
      ],
      nodes: [
        {
          name: 'kms-1',
          version: '0.1.0',
          kmip: 'kms-1:5696',
          started: at,
          secondsAgo: 2,
          serves: true,
          isThis: true,
          work: ['backups', 'recovery'],
        },
        {
          name: 'kms-2',
          version: '0.1.0',
          kmip: 'kms-2:5696',
          started: at,
          secondsAgo: 3,
          serves: true,
          isThis: false,
          work: [],
        },
      ],
      backups: backupStatus,
      conditions: [
        {
          id: 'bootstrap-token',
          severity: 'warning',
          instance: null,
          message: "the first token, a manager's for everything, is 8 days old and lies in the data folder",
          action:
            'Make a token for each person and program (mortise token create), then revoke the first one: mortise token revoke bootstrap',
        },
      ],
    },
  },
  listInstances: { answer: [instance] },
  showInstance: {
    answer: {
      ...instance,
      objects: { Active: 120, PreActive: 1 },
      clients: 1,
      work,
      upstream: upstreamExample,
      keyVersions: [
        { version: '6b2f4c1e-9a0d-4b57-8a3c-5d1e7f20c9b4', newest: true, count: 100 },
        { version: '0e7d3a95-1c4f-4d68-b2a7-93f5c8e1d640', newest: false, count: 21 },
      ],
      countedAs: 'data key',
      recoverable,
      limits: held,
      notRecoverable: { count: 0, ids: [] },
      rootKeyEnds: null,
      revocation: { withinSeconds: 300, unreachableSeconds: 3900, ofSingleKeys: false },
    },
  },
  setRootKey: {
    body: {
      rootKey:
        'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f75d',
      custody: 'keyprotect',
    },
    answer: { ...instance, work, warnings: [] },
  },
  rewrapInstance: { answer: { ...instance, work: { ...work, kind: 'rewrap' } } },
  createInstance: { body: { name: 'production', cacheSeconds: 300 }, answer: { ...instance, warnings: [] } },
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
  setInstance: {
    body: { cacheSeconds: 60, outageSeconds: 0 },
    answer: { ...instance, cacheSeconds: 60, outageSeconds: 0 },
  },
  deleteInstance: {
    answer: {
      ...named,
      receipt: {
        at,
        dataKeys: [{ id: '85920f3211205b972831fdf9148e0570', rootKey: 'file:root.key', created: at }],
        standardKeys: 0,
        standardKeysLeft: { count: 0, rootKeys: [], cause: null },
        objects: { Active: 120 },
        auditEntry: 'instance.shred',
      },
    },
  },
  listClients: { answer: [client] },
  showClient: { answer: client },
  setClient: {
    body: {
      credential: { mode: 'required', userName: 'vcenter', password: 'a password as typed in vCenter' },
    },
    answer: { ...client, credential: { mode: 'required', userName: 'vcenter' } },
  },
  removeCertificate: { answer: { ...client, certificates: [] } },
  trustClient: { body: { by: 'pending', name: 'vcenter-1', sha256 }, answer: { ...client, sha256 } },
  signClient: {
    body: {
      name: 'vcenter-1',
      request: '-----BEGIN CERTIFICATE REQUEST-----\nMIIC...\n-----END CERTIFICATE REQUEST-----\n',
      days: 3650,
    },
    answer: { ...client, sha256, certificate: pem, authority: pem },
  },
  removeClient: { answer: { id: client.id, name: client.name } },
  listPending: {
    answer: [
      {
        sha256,
        subject: 'CN=kmipClient20260301120000',
        issuer: 'CN=CA, DC=vsphere, DC=local',
        notAfter: later,
        address: '192.0.2.10',
        first: at,
        last: at,
        attempts: 9,
        certificate: pem,
      },
    ],
  },
  blockCertificate: { body: { sha256, reason: 'host was stolen' }, answer: block },
  listBlocks: { answer: [block] },
  unblockCertificate: { answer: block },
  beginSession: {
    answer: {
      ...sessionExample,
      grants: [],
      person: null,
      token: token.id,
      session: 'mortise-session.WyJl...',
    },
  },
  showSession: { answer: { ...sessionExample, grants: [...sessionExample.grants] } },
  endSession: { answer: { ended: true, logoutUrl: null } },
  ...loginExamples,
  listTokens: { answer: [token] },
  createToken: {
    body: { role: 'viewer', name: 'grafana', expiresDays: 365 },
    answer: {
      ...token,
      expires: '2027-03-01T12:00:00.000Z',
      lastUsed: null,
      lastAddress: null,
      token: 'mortise_qcw44TdbK0oS0_hRejaBhtH-3YmksnMGU4yi304LRYU',
    },
  },
  revokeToken: { answer: token },
  ...approvalExamples,
  listKeys: { answer: { keys: [{ ...key, usedBy: usedByExample }], after: '1017' } },
  createKey: { body: { name: 'wrapping-2026', activate: true }, answer: wrappingKey },
  showKey: {
    answer: {
      ...key,
      usedBy: usedByExample,
      wrapsSensitive: null,
      fetches: {
        times: 3,
        complete: true,
        by: [
          {
            client: 'vcenter-1',
            certificateSha256: sha256,
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
      clients: [{ id: client.id, name: 'backup-server', operations: ['ModifyAttribute'] }],
      moreClients: 0,
      after: null,
    },
  },
  setKey: { body: { wrapsSensitive: true }, answer: key },
  undestroyKey: { body: { withoutTakenNames: false }, answer: { ...key, state: 'Deactivated' } },
  listInstanceAudit: { answer: entries },
  listAudit: { answer: entries },
  verifyAudit: {
    answer: {
      ok: true,
      problems: [],
      restores: [],
      entries: 42,
      checkpoints: 3,
      provedFrom: null,
      provedTo: at,
      unprovedEntries: 0,
      keySha256: sha256,
    },
  },
  exportAudit: { answer: `${JSON.stringify({ entry })}\n` },
  challengeRootKeyCopy: {
    body: {},
    answer: { id: instance.id, rootKey: 'file:root.key', rootKeyId: 'a1'.repeat(16), wrapped: 'AQ...' },
  },
  recordRootKeyCopy: {
    body: { challenge: { id: instance.id, answer: sha256 } },
    answer: { rootKey: 'file:root.key', rootKeyId: 'a1'.repeat(16), by: 'alice', at, verified: true },
  },
  beginTokenRecovery: { answer: { file: 'token-recovery' } },
  recoverToken: {
    body: { id: instance.id, answer: sha256 },
    answer: { id: instance.id, role: 'manager', expires: later, token: 'mortise_...' },
  },
  pruneAudit: { body: { before: at }, answer: { before: at, removed: 1204, begins: at } },
  ...backupExamples,
  ...restoreExamples,
  ...adoptionExamples,
  ...inventoryExamples,
  ...keyExportExamples,
  ...upstreamExamples,
  ...objectRuleExamples,
  showServerCertificate: { answer: serverCertificate },
  requestServerCertificate: {
    body: { names: ['kms.example.com', '192.0.2.5'] },
    answer: { ...serverCertificate, request: certificateRequest },
  },
  importServerCertificate: {
    body: { certificate: pem, at: later },
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
  showSiem: {
    answer: {
      targets: [
        { kind: 'syslog', target: 'tls://siem.example:6514', behindSince: null, trouble: null },
        {
          kind: 'file',
          target: '/var/log/mortise/audit.jsonl',
          behindSince: '2026-09-12T08:30:00.000Z',
          trouble:
            "the user that runs Mortise may not write it (EACCES: permission denied, open '/var/log/mortise/audit.jsonl')",
        },
      ],
    },
  },
  listAlerts: {
    answer: {
      targets: ['slack hooks.slack.com (3f9a1c)', 'mail ops@example.com'],
      waiting: 0,
      undelivered: [
        {
          target: 'slack hooks.slack.com (3f9a1c)',
          condition: 'disk-low',
          event: 'begun',
          message: 'the disk of the data folder has 512 MiB left',
          at: '2026-09-12T08:30:00.000Z',
          why: 'it answered 404 Not Found',
          givenUp: '2026-09-12T08:30:01.000Z',
        },
      ],
    },
  },
  testAlerts: {
    answer: {
      tried: [
        { target: 'slack hooks.slack.com (3f9a1c)', problem: null },
        { target: 'mail ops@example.com', problem: 'name the mail server in alerts.smtp' },
      ],
    },
  },
  testSiem: { answer: { at: '2026-09-12T08:30:00.000Z' } },
  reloadConfiguration: { answer: { applied: ['log.level'], needRestart: ['kmip.listen'] } },
}

/** The whole admin API, for its description. */
export const describedApi: DescribedApi = { routes, examples, waitingExample }
