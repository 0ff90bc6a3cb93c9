// What the entries of an audit log say was done to keys after a backup, and which keys were made since.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { readExport } from '../../../src/core/audit/export.ts'
import { actsOf, laterActs, objectName, tellsOfClosing } from '../../../src/core/backup/later.ts'
import type { AuditAction } from '../../../src/core/ports/audit-actions.ts'
import type { AuditEntry, StoredAuditEntry } from '../../../src/core/ports/audit.ts'
import { enter } from '../../support/store/audit-log.ts'
import { openCore } from '../../support/server/core.ts'

type Told = readonly [
  action: AuditAction,
  object: string | null,
  detail?: AuditEntry['detail'],
  result?: string,
]

const entries = (told: readonly Told[]): readonly StoredAuditEntry[] =>
  told.map(([action, object, detail = null, result = 'success'], index) => {
    const entry = { atMs: 1000 * (index + 1), action, result, instanceId: 'i', object, detail }
    return { writer: 'w', number: index + 1, hash: '', body: JSON.stringify(entry) }
  })

const until = { recoverableUntil: '2030-01-01T00:00:00.000Z' }
const untilMs = Date.parse(until.recoverableUntil)
const nothing = { revoked: null, deactivatesMs: null, destroyed: null, broughtBack: false }

for (const [what, told, expected] of [
  [
    'a revocation',
    [['key.revoke', 'k', { reason: 'Superseded' }]],
    { revoked: { reason: 'Superseded', atMs: 1000 } },
  ],
  [
    'an adoption that found it deactivated at the other server',
    [['key.adopt', 'k', { state: 'Deactivated' }]],
    { revoked: { reason: 'Unspecified', atMs: 1000 } },
  ],
  [
    'an adoption that found it compromised at the other server',
    [['key.adopt', 'k', { state: 'Compromised' }]],
    { revoked: { reason: 'KeyCompromise', atMs: 1000 } },
  ],
  [
    'Deactivation Dates, of which the last one counts',
    [
      [
        'key.attribute.add',
        'k',
        { attribute: 'DeactivationDate', deactivationDate: '2031-01-01T00:00:00.000Z' },
      ],
      [
        'key.attribute.modify',
        'k',
        { attribute: 'DeactivationDate', deactivationDate: until.recoverableUntil },
      ],
    ],
    { deactivatesMs: untilMs },
  ],
  [
    'a Deactivation Date and a revocation',
    [
      ['key.import', 'k', { replaces: true, deactivationDate: until.recoverableUntil }],
      ['key.revoke', 'k', { reason: 'Superseded' }],
    ],
    { deactivatesMs: untilMs, revoked: { reason: 'Superseded', atMs: 2000 } },
  ],
  [
    'an undestroy and another destruction',
    [
      ['key.undestroy', 'k'],
      ['key.revoke', 'k', { reason: 'Unspecified' }],
      ['key.destroy', 'k', until],
    ],
    {
      revoked: { reason: 'Unspecified', atMs: 2000 },
      destroyed: { atMs: 3000, untilMs },
      broughtBack: true,
    },
  ],
  [
    'a destruction and an undestroy',
    [
      ['key.destroy', 'k', until],
      ['key.undestroy', 'k'],
    ],
    { broughtBack: true },
  ],
] as const satisfies readonly (readonly [string, readonly Told[], object])[])
  test(`the log tells of ${what}`, () => {
    const { closed } = actsOf(entries(told))
    assert.deepEqual(closed.get(objectName('i', 'k')), { ...nothing, ...expected })
    for (const { body } of entries(told)) assert.ok(tellsOfClosing(JSON.parse(body) as AuditEntry))
  })

test('a change of another attribute says nothing of a closing', () => {
  const told: readonly Told[] = [['key.attribute.set', 'k', { attribute: 'Comment' }]]
  assert.equal(actsOf(entries(told)).closed.size, 0)
  for (const { body } of entries(told)) assert.ok(!tellsOfClosing(JSON.parse(body) as AuditEntry))
})

test('an adoption that leaves a key open, or was refused, closes nothing', () => {
  const told: readonly Told[] = [
    ['key.adopt', 'a', { state: 'Active' }],
    ['key.adopt', 'b', { state: 'PreActive' }],
    ['key.adopt', 'c', { state: 'Compromised' }, 'refused'],
  ]
  assert.equal(actsOf(entries(told)).closed.size, 0)
})

test('what was made or brought later is named: the object of the act, or those that its entry names', () => {
  const told: readonly Told[] = [
    ['key.create', 'created'],
    ['key.register', 'registered'],
    ['key.derive', 'derived'],
    ['key.join', 'joined', { parts: 'a b' }],
    ['certificate.certify', 'certificate'],
    ['certificate.re-certify', 'renewed'],
    ['key.import', 'imported'],
    ['key.import', 'known', { replaces: true }],
    ['key.adopt', 'adopted', { isNew: true }],
    ['key.adopt', 'known', { state: 'Active' }],
    ['key.create-pair', 'private', { publicKey: 'public' }],
    ['key.rekey-pair', 'new-private', { replaces: 'known', publicKey: 'new-public' }],
    ['key.re-key', 'known', { replacement: 'new' }],
    ['key.encapsulate', 'known', { secret: 'ours' }],
    ['key.decapsulate', 'known', { secret: 'theirs' }],
    ['key.split', null, { parts: 'part-1 part-2' }],
    ['key.get', 'known'],
    ['key.create', 'refused', null, 'refused'],
  ]
  const first = 'created registered derived joined certificate renewed imported adopted private public'
  assert.equal(
    actsOf(entries(told)).made.join(' '),
    `${first} new-private new-public new ours theirs part-1 part-2`,
  )
})

test('a certificate that another one replaced is withdrawn, and blocked, since a CA may vouch for it', () => {
  const told: readonly Told[] = [['client.re-provision', 'c', { certificate: 'new', replaces: 'old' }]]
  const { certificatesRemoved, blocked } = actsOf(entries(told))
  assert.deepEqual([[...certificatesRemoved], [...blocked.keys()]], [['old'], ['old']])
  for (const { body } of entries(told)) assert.ok(tellsOfClosing(JSON.parse(body) as AuditEntry))
})

test('an export says how many entries after the backup were pruned, and none where the backup has them', async (t) => {
  const core = await openCore(t)
  const { audit, clock, store } = core
  /** How many entries the export lacks that this log has. */
  const prunedNow = async ({ heads }: Awaited<ReturnType<typeof store.auditHeads>>) => {
    const lines: string[] = []
    for await (const line of audit.export()) lines.push(line)
    const manifest = { audit: { entries: 0, heads, checkpoint: 0 } }
    return (await laterActs(await readExport(lines), manifest, audit.publicKey)).pruned
  }
  await enter(core, 3)
  const first = await store.auditHeads()
  clock.pass(1_000)
  await audit.prune(serverActor, clock.now())
  assert.equal(await prunedNow(first), 0)
  await enter(core, 2)
  const second = await store.auditHeads()
  await enter(core, 4)
  clock.pass(1_000)
  await audit.prune(serverActor, clock.now())
  assert.equal(await prunedNow(second), 4)
})
