// The table of conditions. It has a case for each line, and is long because of that: facts in which the line holds, what it says then, and
// that nothing else holds. Pure; test/system/conditions.test.ts meets some of them in a real server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Severity } from '../../../src/core/conditions/line.ts'
import { countBySeverity } from '../../../src/core/conditions/conditions.ts'
import { conditionTable, conditionsOf, type AllFacts as Facts } from '../../support/server/all-conditions.ts'
import type { ReadinessFacts, RootKeyTrouble } from '../../../src/core/server/readiness-facts.ts'
import type { Expiry } from '../../../src/features/status/expiries.ts'
import { expiryWarningDays } from '../../../src/base/bounds.ts'
import { clockBehindMs } from '../../../src/features/status/conditions/bounds.ts'
import { diskLowBytes, failoverProveMs } from '../../../src/features/status/conditions/server.ts'
import { siemBehindMs } from '../../../src/features/siem/conditions.ts'
import { FirstNames, type VcenterStates } from '../../../src/features/vcenter/states.ts'
import type { StandardKeyTrouble } from '../../../src/core/sealing/standard-key-troubles.ts'
import type { Approval } from '../../../src/core/trust/approval.ts'
import type { Token } from '../../../src/core/trust/rows.ts'
import { instance, nowMs, quietFacts, quietReadiness, tablesWith } from '../../support/server/quiet-facts.ts'

const quietDatabase = {
  unsafe: [],
  confirming: 'FIRST 1 (r1)',
  unconfirmed: null,
  unproven: [],
  hasTimeline: true,
  behindMs: 3,
}
const dayMs = 24 * 3600_000
const campaign = {
  vcenterId: 'v-1',
  instanceId: instance.id,
  reason: 'its login is off',
  user: null,
  loginUntilMs: null,
}
const closing = { atMs: nowMs - dayMs, by: 'alice', reason: 'a host was stolen' }
const provider = { name: 'mortise-vmware', proof: 'key', connectedMs: 1 }
const vcenter = { id: 'vcenter-1', name: 'vc-1', instanceId: instance.id, user: 'reader', provider }
const none = new FirstNames()
const vcenterStates = (states: Partial<VcenterStates>): Partial<Facts> => ({
  vcenterStates: [
    {
      vcenter,
      instance: 'vmware',
      states: { locked: none, notSafe: none, needed: none, notGreen: null, ...states },
    },
  ],
})
const [file] = quietFacts.rootKeyFiles
assert.ok(file)

const ready = (readiness: Partial<ReadinessFacts>): Partial<Facts> => ({
  readiness: { ...quietReadiness, ...readiness },
})
const degraded = (trouble: RootKeyTrouble, reason: string): Partial<Facts> =>
  ready({ degraded: new Map([[instance.id, trouble]]), reasons: new Map([[instance.id, reason]]) })
const withRootKey = (rootKeyUri: string): Partial<Facts> => ({
  trust: { tables: tablesWith({ ...instance, rootKeyUri }), alarms: [] },
})
const approvals = (more: Partial<Approval>): Partial<Facts> => {
  const person = { kind: 'owner', name: 'alice' } as const
  const asker = { tokenId: 't', name: 'laptop', person, address: null }
  const approval = { id: 'request-1', act: 'key destroy', asker, createdMs: nowMs, ...more } as Approval
  return {
    trust: { tables: { ...tablesWith(instance), approval: new Map([[approval.id, approval]]) }, alarms: [] },
  }
}
const guard = (
  acts: readonly string[],
  noted?: Partial<NonNullable<Facts['guard']['noted']>>,
): Partial<Facts> => ({
  guard: {
    acts,
    noted: noted ? { acts: [], before: [], atMs: nowMs, node: null, ...noted } : null,
    areTwo: false,
  },
})
const standardKey = (
  what: StandardKeyTrouble['what'],
  instanceId = instance.id,
  more: Partial<StandardKeyTrouble> = {},
): Partial<Facts> => {
  const trouble = { sinceMs: nowMs, left: 3, rootKeyUris: ['keyprotect://h/i/k'], cause: 'it said no' }
  return ready({ standardKeys: [{ instanceId, what, ...trouble, ...more }] })
}
const expiry = (kind: Expiry['kind'], daysLeft: number): Partial<Facts> => ({
  expiries: [
    {
      kind,
      name: kind.startsWith('client') ? 'vc' : 'the thing',
      instanceId: kind.startsWith('client') ? instance.id : null,
      sha256: 'ab'.repeat(32),
      notAfterMs: nowMs + daysLeft * dayMs,
      daysLeft,
    },
  ],
})
const token = (more: Partial<Token>): Token => ({
  id: 'token-1',
  name: 'grafana',
  role: 'viewer',
  instanceId: null,
  sha256: 'cd'.repeat(32),
  createdMs: nowMs - 100 * dayMs,
  expiresMs: null,
  ...more,
})
const tokens = (more: Partial<Token>, lastUsedMs: number | null = nowMs): Partial<Facts> => ({
  tokens: [{ token: token(more), lastUsedMs }],
})
const usage = {
  instance,
  used: { objects: 80, bytes: 5 },
  ratios: { objects: 0.8, bytes: 0 },
  near: ['objects'],
} as const
const work = {
  kind: 'move',
  id: 'w',
  fromRootKeyUri: 'file:a',
  fromCustody: 'database',
  startedMs: 0,
} as const

const upstream = (more: Partial<Facts['upstreams'][number]>, settings: object = {}): Partial<Facts> => {
  const row = { id: 'u', servers: ['old:5696'], certificate: '', sinceMs: nowMs - dayMs, ...settings }
  const trust = { by: 'fingerprint', sha256: 'ab'.repeat(32) } as const
  const adopted = { count: 2, lastMs: nowMs }
  return {
    upstreams: [
      { instance, upstream: { ...row, trust }, health: undefined, adopted, isListed: true, ...more },
    ],
  }
}
const health = {
  lastAnswerMs: null,
  lastFailure: { atMs: nowMs, message: 'nothing listens there' },
  failing: false,
  notAdopted: [],
}

interface Case {
  readonly id: string
  readonly facts: Partial<Facts>
  readonly says: RegExp
  readonly action?: RegExp
  /** Left out: that of the line. */
  readonly severity?: Severity
  /** Left out: the server. */
  readonly of?: string
}

const of = instance.id
const waiting = (count: number, lastUntil: string) => {
  return { instance, count, firstUntil: '2026-06-08T00:00:00.000Z', lastUntil }
}
const backup: NonNullable<Facts['backups']['last']> = {
  id: 'mortise.backup',
  file: '/data/backups/mortise.backup',
  createdMs: nowMs - dayMs,
  bytes: 1,
  version: '1',
  objects: 1,
  entries: 1,
  rootKeys: ['file:root.key'],
  recipients: [],
  elsewhere: true,
}
const backups = (more: Partial<Facts['backups']>): Partial<Facts> => ({
  backups: { ...quietFacts.backups, ...more },
})
/** `lastExport`: so that nothing else holds. */
const auditSince = (oldestMs: number): Partial<Facts> => ({
  audit: { ...quietFacts.audit, oldestMs, lastExport: { atMs: nowMs, by: 'x' } },
  auditOldestMs: oldestMs,
})

const siemTarget = { kind: 'syslog', target: 'tls://siem.example:6514', trouble: null } as const

/** An audit log with an entry of a clock that was ten years ahead. */
const ahead = (more: Partial<Facts['audit']>): Facts['audit'] => {
  return { ...quietFacts.audit, newestMs: nowMs + 3653 * dayMs, ...more }
}

const cases: readonly Case[] = [
  { id: 'not-ready', facts: ready({ ready: false, reason: 'gone' }), says: /cannot serve: gone/ },
  {
    id: 'no-key-handed-out',
    facts: ready({ refused: 'the disk is full' }),
    says: /no key is handed out: the disk is full/,
  },
  {
    id: 'changes-refused',
    facts: ready({ reason: 'the disk is full' }),
    says: /no change is made: the disk/,
  },
  {
    id: 'connections-few',
    facts: { connections: { max: 900, openFiles: 1_800 } },
    says: /at most 900 KMIP clients can be connected: a process may have 1800 files open/,
  },
  { id: 'kmip-draft', facts: { drafts: ['3.0'] }, says: /the server speaks KMIP 3\.0, which is a draft/ },
  {
    id: 'workers-end',
    facts: { workers: { intended: 4, serving: 3, endedLately: 1, lastEnd: 'SIGKILL' } },
    says: /3 of 4 workers serve; the last one ended by SIGKILL/,
  },
  {
    id: 'workers-end',
    facts: { workers: { intended: 4, serving: 4, endedLately: 3, lastEnd: 'exit code 134' } },
    says: /workers ended 3 times within 10 minutes; the last one ended by exit code 134/,
  },
  {
    id: 'tampering',
    facts: { trust: { tables: tablesWith(instance), alarms: ['the row client/x was altered'] } },
    says: /client\/x was altered/,
  },
  {
    id: 'tampering',
    facts: { marks: ['3 marks of destroyed keys were removed from the database'] },
    says: /3 marks of destroyed keys were removed/,
    action: /destroy it again/,
  },
  {
    id: 'tampering',
    facts: ready({ altered: [{ instanceId: of, kind: 'object', id: 'k' }] }),
    says: /a key of the instance vmware does not open.*altered.*\(k\)/,
    action: /from a backup/,
    of,
  },
  { id: 'disk-low', facts: { freeBytes: diskLowBytes - 1 }, says: /511 MiB left/ },
  {
    id: 'database-unsafe',
    facts: { database: { ...quietDatabase, unsafe: ['fsync = off'] } },
    says: /may lose acknowledged keys: fsync = off/,
  },
  {
    id: 'database-unconfirmed',
    facts: { database: { ...quietDatabase, confirming: '' } },
    says: /a failover of the database may lose acknowledged keys/,
  },
  {
    id: 'database-failover-unproven',
    facts: unprovenSince(60_000),
    says: /the failover of the database at 2026-05-31T23:59:00.000Z may have lost keys that the node kms-1 created/,
  },
  {
    id: 'database-replica-missing',
    facts: { database: { ...quietDatabase, unconfirmed: 'no replica is connected to it' } },
    says: /cannot confirm changes: no replica is connected/,
  },
  {
    id: 'database-timeline-unknown',
    facts: { database: { ...quietDatabase, hasTimeline: false } },
    says: /does not tell its timeline/,
  },
  {
    id: 'clock-differs',
    facts: { database: { ...quietDatabase, behindMs: -300_000 } },
    says: /is 300 s ahead of that of the database/,
  },
  {
    id: 'clock-behind',
    facts: { audit: { ...quietFacts.audit, newestMs: nowMs + clockBehindMs + 1 } },
    says: /the clock shows 2026-06-01T00:00:00.000Z, but the last audit entry is of 2026-06-01T00:01:00.001Z/,
  },
  {
    id: 'clock-behind',
    facts: { audit: ahead({ setBackMs: nowMs - 7 * dayMs + 1 }) },
    says: /but the last audit entry is of 2036-/,
  },
  {
    id: 'siem-behind',
    facts: { siem: [{ ...siemTarget, behindSinceMs: nowMs - 6 * 60_000, trouble: 'it is down' }] },
    says: /tls:\/\/siem\.example:6514 lacks the audit log since 2026-.*: it is down/,
  },
  {
    id: 'siem-behind',
    severity: 'critical',
    facts: { siem: [{ ...siemTarget, behindSinceMs: nowMs - 25 * 3600_000 }] },
    says: /lacks the audit log since/,
  },
  {
    id: 'alerts-silent',
    facts: {
      trouble: '/etc/mortise/alerts, line 2: write one address behind slack',
    },
    says: /^no alert is sent: \/etc\/mortise\/alerts, line 2: /,
  },
  {
    id: 'alerts-silent',
    facts: {
      trouble: null,
      silent: [{ target: 'mail ops', why: 'unknown mailbox', atMs: nowMs - 100 * dayMs }],
    },
    says: /^mail ops did not take an alert, given up at 2026-.*: unknown mailbox$/,
  },
  {
    id: 'audit-not-exported',
    facts: { audit: { ...quietFacts.audit, oldestMs: nowMs - 31 * dayMs } },
    says: /was never exported/,
  },
  {
    id: 'audit-not-exported',
    facts: { audit: { ...quietFacts.audit, lastExport: { atMs: nowMs - 31 * dayMs, by: 'x' } } },
    says: /last exported on 2026-05-01/,
  },
  {
    id: 'audit-not-exported',
    facts: {
      audit: {
        ...quietFacts.audit,
        oldestMs: nowMs - 31 * dayMs,
        lastExport: { atMs: nowMs + 3653 * dayMs, by: 'x' },
      },
    },
    says: /was exported while the clock was ahead \(2036-.*\), so the server does not know when/,
  },
  {
    id: 'audit-beyond-retention',
    facts: {
      audit: {
        oldestMs: nowMs - 404 * dayMs,
        newestMs: nowMs,
        setBackMs: null,
        keepDays: 400,
        lastExport: { atMs: nowMs, by: 'x' },
      },
    },
    says: /goes back to 2025-.*audit.keep is 400 days/,
  },
  {
    id: 'root-key-not-copied',
    facts: { rootKeyCopies: [] },
    says: /no copy of the root key \/data\/root.key/,
  },
  {
    id: 'root-key-not-copied',
    facts: { rootKeyCopies: [{ rootKeyId: 'another', atMs: nowMs, by: 'x', verified: true }] },
    says: /no copy/,
    action: /verify-copy/,
  },
  { id: 'root-key-open', facts: { rootKeyFiles: [{ ...file, mode: 0o640 }] }, says: /mode 0640/ },
  {
    id: 'root-key-file',
    facts: {
      rootKeyFiles: [{ ...file, problem: 'there is no root key at /data/root.key', id: null, mode: null }],
    },
    says: /of the server is a file that cannot be used: there is no root key/,
  },
  {
    id: 'root-key-file',
    facts: { ...degraded('unreachable', 'there is no root key at /x'), ...withRootKey('file:x.key') },
    says: /^the root key of the instance vmware is a file that cannot be used: there is no root key at \/x$/,
    of,
  },
  {
    id: 'root-key-unreachable',
    facts: degraded('unreachable', 'ECONNREFUSED'),
    says: /vmware cannot be reached: ECONNREFUSED/,
    of,
  },
  {
    id: 'root-key-withdrawn',
    facts: degraded('withdrawn', '403'),
    says: /was withdrawn.*not served: 403/,
    of,
  },
  { id: 'root-key-failing', facts: degraded('failing', 'a bug'), says: /does not open its keys: a bug/, of },
  {
    id: 'hpcs-ends',
    facts: withRootKey('hpcs://host/instance/key'),
    says: /vmware is in Hyper Protect Crypto Services, which ends on 2027-03-28, in 300 days/,
    action: /set-root-key vmware --root-key keyprotect:/,
    of,
  },
  {
    id: 'hpcs-ends',
    facts: {
      ...withRootKey('hpcs://host/instance/key'),
      nowMs: Date.UTC(2027, 2, 28),
      audit: { ...quietFacts.audit, oldestMs: null },
    },
    says: /which ended on 2027-03-28/,
    severity: 'critical',
    of,
  },
  {
    id: 'hpcs-ends',
    facts: { serverRootKeyUri: 'hpcs://host/instance/key' },
    says: /of the server is in Hyper Protect/,
  },
  {
    id: 'closed-keys',
    facts: ready({ closed: [{ instanceId: of, kind: 'object', id: 'k' }] }),
    says: /a key of the instance vmware does not open \(k\): deleted at its root key's service/,
    action: /the command that restores it within 30 days\. One that was purged there cannot come back/,
    of,
  },
  {
    id: 'new-keys-refused',
    facts: standardKey('make'),
    says: /new keys of the instance vmware.*it said no/,
    of,
  },
  { id: 'reads-refused', facts: standardKey('read'), says: /cannot be read.*it said no/, of },
  {
    id: 'standard-keys-left',
    facts: standardKey('delete'),
    says: /3 standard keys of the instance vmware/,
    action: /gone for good.* mortise root-key forget-left \S+$/,
    of,
  },
  {
    id: 'standard-keys-left',
    facts: standardKey('delete', instance.id, { remedy: 'ask somebody else' }),
    says: /3 standard keys of the instance vmware/,
    action: /^ask somebody else$/,
    of,
  },
  { id: 'standard-keys-left', facts: standardKey('delete', 'gone'), says: /instance gone, which is gone,/ },
  { id: 'closings-unrecorded', facts: standardKey('record'), says: /not recorded as revoked/, of },
  {
    id: 'another-server',
    facts: standardKey('another'),
    says: /another server uses the instance vmware/,
    of,
  },
  {
    id: 'root-key-slow',
    facts: ready({
      calls: [{ instanceId: of, host: 'h', lane: 'reads', running: 4, waiting: 2, oldestMs: 9_000 }],
    }),
    says: /calls that read keys for the instance vmware hang at h: 4 run and 2 wait, the oldest since 9 s/,
    of,
  },
  {
    id: 'work-waits',
    facts: { work: [{ instance, work, trouble: 'no answer', done: 3, total: 9 }] },
    says: /the move .* of the instance vmware does not go on \(3 of 9 done\): no answer/,
    of,
  },
  {
    id: 'machine-key-missing',
    facts: { inventories: [{ instance, missing: 3, destroyed: 1, takenMs: nowMs - 9 * dayMs }] },
    says: /^3 machines use a key that is missing in the instance, and a machine uses a key that is destroyed in the instance vmware, as of 9 days ago, an old inventory$/,
    of,
  },
  {
    id: 'vcenter-not-read',
    facts: {
      readVcenters: [
        { vcenter, instance: 'vmware', isLoginOff: false, trouble: { atMs: nowMs, message: 'it is away' } },
      ],
    },
    says: /^the vCenter vc-1 of the instance vmware was not read at 2026-06-01T00:00:00\.000Z: it is away$/,
    of,
  },
  {
    id: 'vcenter-login-off',
    facts: { readVcenters: [{ vcenter, instance: 'vmware', isLoginOff: true, trouble: null }] },
    says: /^the login of reader for the vCenter vc-1 of the instance vmware is off$/,
    action: /vcenter set vc-1 --user reader --instance vmware/,
    of,
  },
  {
    id: 'vcenter-login-expires',
    facts: {
      readVcenters: [80, 79, 90].map((age) => ({
        vcenter: { ...vcenter, loginMs: nowMs - age * dayMs },
        instance: 'vmware',
        isLoginOff: false,
        trouble: null,
      })),
    },
    says: /^the password of reader for the vCenter vc-1 of the instance vmware was stored 80 days ago; vCenter lets those of its own users expire after 90 days unless/,
    action: /vcenter set vc-1 --user reader --instance vmware/,
    of,
  },
  {
    id: 'vcenter-login-expires',
    facts: {
      campaigns: (['running', 'ended', 'running'] as const).map((state, days) => ({
        campaign: { ...campaign, state, user: 'rekeyer', loginUntilMs: nowMs + (3 + days) * dayMs },
        vcenter: 'vc-1',
        trouble: null,
      })),
    },
    says: /^the login of rekeyer for the rekey campaign of the vCenter vc-1 ends at 2026-06-04T00:00:00\.000Z, and the campaign is not done$/,
    action: /vcenter rekey-pause vc-1, and then mortise vcenter rekey-resume vc-1 --user rekeyer$/,
    of,
  },
  {
    id: 'vcenter-rekey-stopped',
    facts: { campaigns: [{ campaign: { ...campaign, state: 'paused' }, vcenter: 'vc-1', trouble: null }] },
    says: /^the rekey campaign of the vCenter vc-1 is paused: its login is off$/,
    of,
  },
  {
    id: 'vcenter-rekey-stopped',
    facts: {
      campaigns: [
        {
          campaign: { ...campaign, state: 'running', reason: null },
          vcenter: 'vc-1',
          trouble: { atMs: nowMs, message: 'it is away' },
        },
      ],
    },
    says: /^the rekey campaign of the vCenter vc-1 does not get on since 2026-06-01T00:00:00\.000Z: it is away$/,
    of,
  },
  {
    id: 'vcenter-machine-locked',
    facts: vcenterStates({ locked: new FirstNames(['web']) }),
    says: /^1 machine of the vCenter vc-1 of the instance vmware is locked: web$/,
    action: /inventory report --instance vmware/,
    of,
  },
  {
    id: 'vcenter-host-not-safe',
    facts: vcenterStates({ notSafe: new FirstNames(['esx-1', 'esx-2']) }),
    says: /^2 hosts of the vCenter vc-1 of the instance vmware are not in encryption mode, and need it: esx-1, esx-2$/,
    of,
  },
  {
    id: 'vcenter-needs-own-key',
    facts: vcenterStates({ needed: new FirstNames(['kms-1 (this server)']) }),
    says: /^1 machine of the vCenter vc-1 of the instance vmware needs a key of this server to start, and is needed to start it: kms-1 \(this server\)$/,
    action: /^Decrypt these machines/,
    of,
  },
  {
    id: 'vcenter-provider-not-green',
    facts: vcenterStates({ notGreen: { provider: provider.name, words: 'red; kms: no reason' } }),
    says: /^the vCenter vc-1 of the instance vmware does not say green for the key provider mortise-vmware; it says red; kms: no reason$/,
    action: /vcenter connect vc-1 --instance vmware/,
    of,
  },
  {
    id: 'keys-recoverable',
    facts: { recoverable: [waiting(1, '2026-06-08T00:00:00.000Z')] },
    says: /^a destroyed key of the instance vmware can be brought back until 2026-06-08T00:00:00\.000Z$/,
    action: /key list --recoverable/,
    of,
  },
  {
    id: 'keys-recoverable',
    facts: { recoverable: [waiting(3, '2026-06-09T00:00:00.000Z')] },
    says: /^3 destroyed keys .* until 2026-06-08\S+ \(the last of them until 2026-06-09\S+\)$/,
    of,
  },
  {
    id: 'upstream-not-answering',
    facts: upstream({ health: { ...health, failing: true } }),
    says: /the upstream old:5696 of the instance vmware did not answer when it was last asked, at .*: nothing listens/,
    of,
  },
  {
    id: 'upstream-off',
    facts: upstream({ health }, { off: { why: 'restored', atMs: nowMs } }),
    says: /is off since the restore of/,
    of,
  },
  {
    id: 'upstream-key-not-adopted',
    facts: upstream({ health: { ...health, notAdopted: [{ id: 'k', why: 'it is Sensitive' }] } }),
    says: /has a key that could not be adopted \(k\): it is Sensitive/,
    of,
  },
  {
    id: 'upstream-long',
    facts: upstream({}, { sinceMs: nowMs - 31 * dayMs }),
    says: /is named since 31 days; 2 adopted on demand, the last at/,
    of,
  },
  { id: 'near-limit', facts: { usages: [usage] }, says: /vmware holds 80 of \d+ objects \(80 %\)/, of },
  {
    id: 'instance-closed',
    facts: { trust: { tables: tablesWith({ ...instance, closed: closing }), alarms: [] } },
    says: /the instance vmware is closed since 2026-05-31T.*, by alice: a host was stolen/,
    action: /mortise instance open vmware/,
    of,
  },
  {
    id: 'server-closed',
    facts: { trust: { tables: tablesWith({ ...instance, closedWithServer: closing }), alarms: [] } },
    says: /the server is closed since .*, by alice: a host was stolen/,
  },
  {
    id: 'certificate-expires',
    facts: expiry('client', 29),
    says: /client vc .*vmware expires in 29 days/,
    of,
  },
  { id: 'certificate-expires', facts: expiry('server', 0), says: /the thing expires within a day/ },
  { id: 'certificate-expires', facts: expiry('admin', 1), says: /the thing expires in 1 day/, action: /log/ },
  {
    id: 'certificate-expired',
    facts: expiry('client-ca', -1),
    says: /CA .* client vc .*within the last day/,
    of,
  },
  { id: 'certificate-expired', facts: expiry('server-ca', -4), says: /the thing expired 3 days ago/ },
  {
    id: 'certificate-switch',
    facts: { scheduledSwitch: { sha256: 'ef'.repeat(32), atMs: nowMs + dayMs } },
    says: /switches to the staged certificate at 2026-06-02T00:00:00.000Z/,
  },
  {
    id: 'token-expires',
    facts: tokens({ expiresMs: nowMs + 13.5 * dayMs }),
    says: /the token grafana \(viewer, all instances\) expires in 13 days/,
  },
  {
    id: 'token-unused',
    facts: tokens({ instanceId: of }, nowMs - 91 * dayMs),
    says: /grafana \(viewer, the instance vmware\) was not used for 91 days/,
    of,
  },
  { id: 'token-unused', facts: tokens({}, null), says: /was never used in 100 days/ },
  {
    id: 'bootstrap-token',
    facts: tokens({ name: 'bootstrap', createdMs: nowMs - 8.5 * dayMs }),
    says: /the first token.* is 8 days old/,
  },
  {
    id: 'token-recovered',
    facts: { tokenRecovery: { atMs: nowMs - 6.9 * dayMs, tokenId: 't' } },
    says: /made with the root key at 2026-05-25/,
  },
  {
    id: 'approval-waits',
    facts: approvals({ state: 'waiting', endsMs: nowMs + 1, instanceId: of }),
    says: /^alice asked for "key destroy", which waits for a second person until .*\(request-1\)$/,
    of,
  },
  {
    id: 'approval-alone',
    facts: guard(['key destroy']),
    says: /^no second person could approve .*\(key destroy\)$/,
  },
  {
    id: 'approval-changed',
    facts: guard([], { before: ['key destroy'], acts: [], atMs: nowMs - 6.9 * dayMs }),
    says: /these need no second person any more: key destroy$/,
  },
  {
    id: 'approval-changed',
    facts: guard([], { before: [], acts: ['key destroy'], atMs: nowMs - 90 * dayMs, node: 'kms-2' }),
    says: /^the node kms-2 was started with another list .*: key destroy$/,
  },
  { id: 'pending-clients', facts: { pendingClients: 1 }, says: /^an unknown certificate connected/ },
  { id: 'pending-clients', facts: { pendingClients: 2 }, says: /^2 unknown certificates/ },
  {
    id: 'unsupported-version',
    facts: {
      unservedVersions: [{ clientId: 'c', instanceId: of, version: '3.0', count: 2, lastMs: nowMs }],
    },
    says: /the client c of the instance vmware asked for KMIP 3.0 2 times/,
    of,
  },
  {
    id: 'backup-folder-silent',
    facts: backups({ folderTrouble: 'the backup folder /b does not answer', keysAtRisk: 1 }),
    says: /the backup folder .* does not answer; 1 key is in no backup/,
  },
  {
    id: 'backup-failed',
    facts: backups({ failure: { atMs: nowMs, message: 'the disk is full' }, tooOld: true, keysAtRisk: 2 }),
    says: /failed at .*: the disk is full; 2 keys are in no backup/,
  },
  { id: 'backup-too-old', facts: backups({ tooOld: true, keysAtRisk: 1 }), says: /was never made; 1 key is/ },
  { id: 'backup-too-old', facts: backups({ tooOld: true, last: backup }), says: /is of 2026-/ },
  {
    id: 'backup-unverified',
    facts: { ...backups({ last: backup }), ...auditSince(nowMs - 30.1 * dayMs) },
    says: /no backup was ever verified/,
  },
  {
    id: 'backup-unverified',
    facts: backups({ last: backup, verifiedMs: nowMs - 30.1 * dayMs }),
    says: /no backup was verified since 2026-/,
  },
]

for (const { id, facts, says, action, severity, of: instanceId = null } of cases)
  test(`${id}: ${says.source}`, () => {
    const found = conditionsOf({ ...quietFacts, ...facts })
    assert.deepEqual(
      found.map((one) => one.id),
      [id],
    )
    const [condition] = found
    assert.match(condition?.message ?? '', says)
    assert.match(condition?.action ?? '', action ?? /./)
    assert.equal(condition?.instanceId, instanceId)
    assert.equal(condition?.severity, severity ?? conditionTable[id]?.severity)
  })

test('each line of the table has a case', () => {
  // Only a process in FIPS mode finds the last one.
  const tried = new Set<string>([...cases.map(({ id }) => id), 'credential-not-checked'])
  assert.deepEqual(
    Object.keys(conditionTable).filter((id) => !tried.has(id)),
    [],
    'each of these needs a line in `cases` above',
  )
})

test('where all is well there is none', () => {
  assert.deepEqual(conditionsOf(quietFacts), [])
})

function unprovenSince(agoMs: number): Partial<Facts> {
  return { database: { ...quietDatabase, unproven: [{ node: 'kms-1', sinceMs: nowMs - agoMs }] } }
}

/** One step short of each bound. */
const short: Readonly<Record<string, Partial<Facts>>> = {
  'disk at the bound': { freeBytes: diskLowBytes },
  'clock that was set right a week ago': { audit: ahead({ setBackMs: nowMs - 7 * dayMs }) },
  'clock a little behind': { audit: { ...quietFacts.audit, newestMs: nowMs + clockBehindMs } },
  'failover a moment ago': unprovenSince(failoverProveMs - 1),
  'failover a month ago': unprovenSince(30 * dayMs + 1),
  'certificate with 30 days left': expiry('client', expiryWarningDays),
  'token with 15 days left': tokens({ expiresMs: nowMs + 15 * dayMs }),
  'token that expired': tokens({ expiresMs: nowMs - 1 }, nowMs - 200 * dayMs),
  'token unused for 89 days': tokens({}, nowMs - 89.9 * dayMs),
  'first token of this week': tokens({ name: 'bootstrap', createdMs: nowMs - 7.5 * dayMs }),
  'recovery a week ago': { tokenRecovery: { atMs: nowMs - 7 * dayMs, tokenId: 't' } },
  'the recovered token itself': {
    ...tokens({ expiresMs: nowMs + 3600_000 }),
    tokenRecovery: { atMs: nowMs - 8 * dayMs, tokenId: 'token-1' },
  },
  'audit pruned yesterday': {
    audit: {
      ...quietFacts.audit,
      oldestMs: nowMs - 402 * dayMs,
      keepDays: 400,
      lastExport: { atMs: nowMs, by: 'x' },
    },
  },
  'SIEM a little behind': { siem: [{ ...siemTarget, behindSinceMs: nowMs - siemBehindMs }] },
  'log in a SIEM, never exported': {
    ...auditSince(nowMs - 100 * dayMs),
    isAuditKept: true,
  },
  'request whose time is over': approvals({ state: 'waiting', endsMs: nowMs }),
  'request that was decided': approvals({ state: 'refused', endsMs: nowMs + 1 }),
  'acts that were taken away a week ago': guard([], {
    before: ['key destroy'],
    acts: [],
    atMs: nowMs - 7 * dayMs,
  }),
  'backup verified 30 days ago': backups({ last: backup, verifiedMs: nowMs - 30 * dayMs }),
  'no backup yet, and none due': auditSince(nowMs - 100 * dayMs),
  'call of a few seconds': ready({
    calls: [{ instanceId: of, host: 'h', lane: 'reads', running: 1, waiting: 0, oldestMs: 4_999 }],
  }),
}

for (const [what, facts] of Object.entries(short))
  test(`no condition: ${what}`, () => {
    assert.deepEqual(conditionsOf({ ...quietFacts, ...facts }), [])
  })

test('the most severe come first, and are counted', () => {
  const found = conditionsOf({ ...quietFacts, pendingClients: 1, freeBytes: 0, rootKeyCopies: [] })
  assert.deepEqual(
    found.map(({ severity }) => severity),
    ['critical', 'warning', 'notice'],
  )
  assert.deepEqual(countBySeverity(found), { critical: 1, warning: 1, notice: 1 })
})
