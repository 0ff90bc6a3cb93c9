// Bounds what those of one instance add to the trusted rows.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { trustRowsPerInstanceMax } from '../../../src/core/trust/bounds.ts'
import { hasRoom } from '../../../src/core/trust/row-room.ts'
import { rowWrites } from '../../../src/core/trust/row-writes.ts'
import type { Grantor } from '../../../src/core/trust/grantor.ts'
import type { RowOf } from '../../../src/core/trust/rows.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import { makeInstance, manager, openCore } from '../../support/server/core.ts'

const issued = (instanceId: string): RowOf => ({
  kind: 'issued',
  value: { id: randomUUID(), instanceId, notAfterMs: 2 ** 42, createdMs: 0 },
})

const of = ({ id }: { readonly id: string }): Grantor => ({ ...manager, onlyInstanceId: id })

test('who belongs to one instance adds no rows beyond a number, and removes and renames; others add', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const { tokens } = core.trust
  const wanted = { name: 'x', role: 'viewer', instanceId: a.id, expiresMs: null } as const
  const most = trustRowsPerInstanceMax
  const put = Array.from({ length: most - 1 }, () => issued(a.id))
  const writes = rowWrites(core.secrets, await core.access.snapshot(), { put })
  await core.store.commit({ writes, entries: [], durability: 'disk' })
  const own = of(a)
  const { token } = await tokens.create(own, wanted)
  await assert.rejects(
    tokens.create(own, wanted),
    (error) => error instanceof TrustRefused && error.message.includes(`(${most} rows`),
  )
  await tokens.create(of(b), { ...wanted, instanceId: b.id })
  const { token: beyond } = await tokens.create(manager, wanted)
  await tokens.revoke(own, token.id, a.id)
  await assert.rejects(tokens.create(own, wanted), TrustRefused)
  await tokens.revoke(own, beyond.id, a.id)
  const { token: last } = await tokens.create(own, wanted)

  const { tables } = await core.access.snapshot()
  const changed = { kind: 'token', value: { ...last, name: 'y' } } as const
  const remove = [{ kind: 'token', id: last.id }] as const
  assert.ok(hasRoom(tables, { put: [changed] }, a.id), 'a row that is there already')
  assert.ok(hasRoom(tables, { put: [issued(a.id)], remove }, a.id), 'one for another')
  assert.ok(!hasRoom(tables, { put: [changed, issued(a.id)], remove }, a.id), 'removed, but put again')
  assert.ok(!hasRoom(tables, { put: [issued(a.id)], remove: [{ kind: 'token', id: 'none' }] }, a.id))
})
