import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  findingsOf,
  type HardeningFinding,
  type HardeningFacts,
} from '../../../src/features/hardening/rules.ts'

const quiet: HardeningFacts = {
  dataFolder: '/data',
  files: [{ path: '/data', mode: 0o700, uid: 990 }],
  server: { pid: 7, uid: 990, coreBytes: 0 },
  swap: [],
  ptraceScope: 1,
  diskEncrypted: true,
  adminHost: '127.0.0.1',
}
const file = (mode: number, uid = 990) => ({ path: '/data/root.key', mode, uid })

const cases: readonly {
  readonly id: HardeningFinding['id']
  readonly facts: Partial<HardeningFacts>
  readonly state: HardeningFinding['state']
  readonly says: RegExp
}[] = [
  { id: 'user', facts: { server: { pid: 7, uid: 0, coreBytes: 0 } }, state: 'bad', says: /runs as root/ },
  { id: 'user', facts: { server: null }, state: 'unknown', says: /no server/ },
  { id: 'files', facts: { files: [file(0o640)] }, state: 'bad', says: /root\.key \(0640\)/ },
  { id: 'files', facts: { files: [file(0o604)] }, state: 'bad', says: /root\.key \(0604\)/ },
  {
    id: 'files',
    facts: { files: [{ path: '/data', mode: null, uid: null }] },
    state: 'unknown',
    says: /is not there, or this user may not look at it/,
  },
  { id: 'owners', facts: { files: [file(0o600, 1000)] }, state: 'bad', says: /another user.*root\.key/ },
  { id: 'owners', facts: { files: [file(0o600, 0)] }, state: 'good', says: /or to root/ },
  {
    id: 'swap',
    facts: { swap: [{ name: '/dev/sda2', encrypted: false }] },
    state: 'bad',
    says: /\/dev\/sda2/,
  },
  {
    id: 'swap',
    facts: { swap: [{ name: '/dev/dm-1', encrypted: true }] },
    state: 'good',
    says: /is encrypted/,
  },
  { id: 'swap', facts: { swap: null }, state: 'unknown', says: /does not tell/ },
  {
    id: 'core-dumps',
    facts: { server: { pid: 7, uid: 990, coreBytes: Infinity } },
    state: 'bad',
    says: /crash of the server writes its memory/,
  },
  { id: 'ptrace', facts: { ptraceScope: 0 }, state: 'bad', says: /same user may read/ },
  { id: 'ptrace', facts: { ptraceScope: null }, state: 'unknown', says: /does not tell/ },
  { id: 'disk', facts: { diskEncrypted: false }, state: 'bad', says: /\/data is not encrypted/ },
  { id: 'disk', facts: { diskEncrypted: null }, state: 'unknown', says: /not visible/ },
  { id: 'admin', facts: { adminHost: '0.0.0.0' }, state: 'bad', says: /listens on 0\.0\.0\.0/ },
  { id: 'admin', facts: { adminHost: '::1' }, state: 'good', says: /this machine only/ },
]

for (const { id, facts, state, says } of cases)
  test(`${id} is ${state} with ${JSON.stringify(facts)}`, () => {
    const found = findingsOf({ ...quiet, ...facts }).find((one) => one.id === id)
    assert.equal(found?.state, state)
    assert.match(found.says, says)
    assert.equal(found.action !== null, state === 'bad')
  })

test('the commands that it advises quote names that a shell would take apart', () => {
  const files = [{ path: '/data/my root.key', mode: 0o644, uid: 1000 }]
  const actions = findingsOf({ ...quiet, files }).map(({ action }) => action ?? '')
  assert.ok(
    actions.some((action) => action.includes("chmod go= '/data/my root.key'")),
    actions.join('\n'),
  )
  assert.ok(
    actions.some((action) => action.includes("chown 990 '/data/my root.key'")),
    actions.join('\n'),
  )
})

test('where all is well nothing is to do', () => {
  assert.deepEqual(
    findingsOf(quiet).filter(({ state }) => state !== 'good'),
    [],
  )
})
