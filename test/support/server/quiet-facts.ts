// Facts in which no condition holds, for tests that change one of them.

import type { AllFacts } from './all-conditions.ts'
import type { ReadinessFacts } from '../../../src/core/server/readiness-facts.ts'
import { connectionsMax } from '../../../src/base/bounds.ts'
import { trustKinds, type Instance, type TrustTables } from '../../../src/core/trust/rows.ts'

export const nowMs = Date.UTC(2026, 5, 1)

export const instance: Instance = {
  id: 'instance-1',
  name: 'vmware',
  custody: 'database',
  rootKeyUri: 'keyprotect://host/instance/key',
  cacheSeconds: 300,
  outageSeconds: 3600,
  expiredGraceDays: 30,
  portable: false,
  createdMs: 0,
}

export const quietReadiness: ReadinessFacts = {
  ready: true,
  reason: null,
  refused: null,
  degraded: new Map(),
  unknown: new Set(),
  fromMemory: new Set(),
  reasons: new Map(),
  closed: [],
  altered: [],
  standardKeys: [],
  calls: [],
}

/** Tables with these instances and nothing else. */
export function tablesWith(...instances: readonly Instance[]): TrustTables {
  const empty = Object.fromEntries(trustKinds.map((kind) => [kind, new Map()])) as unknown as TrustTables
  return { ...empty, instance: new Map(instances.map((one) => [one.id, one])) }
}

export const quietFacts: AllFacts = {
  nowMs,
  trust: { tables: tablesWith(instance), alarms: [] },
  readiness: quietReadiness,
  marks: [],
  expiries: [],
  scheduledSwitch: null,
  usages: [],
  recoverable: [],
  work: [],
  inventories: [],
  readVcenters: [],
  campaigns: [],
  vcenterStates: [],
  tokens: [],
  pendingClients: 0,
  database: null,
  connections: { max: connectionsMax, openFiles: 65_536 },
  rootKeyFiles: [
    {
      uri: 'file:root.key',
      path: '/data/root.key',
      problem: null,
      id: 'root-key-id',
      mode: 0o600,
      hasPassphrase: false,
    },
  ],
  rootKeyCopies: [{ rootKeyId: 'root-key-id', atMs: nowMs, by: 'alice', verified: false }],
  serverRootKeyUri: 'file:root.key',
  audit: { oldestMs: nowMs, newestMs: nowMs, setBackMs: null, lastExport: null, keepDays: null },
  freeBytes: 2 ** 40,
  workers: null,
  drafts: [],
  unservedVersions: [],
  tokenRecovery: null,
  guard: { acts: [], noted: null, areTwo: false },
  upstreams: [],
  siem: [],
  isAuditKept: false,
  auditOldestMs: nowMs,
  trouble: null,
  silent: [],
  backups: {
    last: null,
    failure: null,
    running: null,
    keysAtRisk: 0,
    keysOnlyHere: 0,
    verifiedMs: null,
    tooOld: false,
    folderTrouble: null,
    folder: '/data/backups',
    scheduled: true,
  },
}
