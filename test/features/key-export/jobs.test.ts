// One export of an instance at a time, also of those that begin together.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { Refusal } from '../../../src/base/refusal.ts'
import { startDoor } from '../../support/server/admin-door.ts'

const perform = () => assert.fail('there are no keys')

async function rest(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) assert.ok(chunk.length > 0)
}

test('of two exports that begin together one is made, and the other is refused', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const { keyExports } = door.context
  const recipients = [await identityToRecipient(await generateX25519Identity())]
  const begin = (id: string) => {
    return keyExports.begin({ id, instance: door.red, version: '0.0.0-test', recipients, perform })
  }
  const [one, other] = await Promise.all([begin('one'), begin('other')])
  const reading = one[Symbol.asyncIterator]()
  await reading.next()
  await assert.rejects(rest(other), (error) => error instanceof Refusal && error.code === 'conflict')
  await rest({ [Symbol.asyncIterator]: () => reading })
  assert.equal(keyExports.outcome(door.red.id, 'one')?.state, 'done')

  await begin('unread')
  await rest(await begin('next'))
  assert.equal(keyExports.outcome(door.red.id, 'next')?.state, 'done', 'what nobody reads keeps nobody back')
})
