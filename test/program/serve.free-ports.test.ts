// A server whose port is taken writes nothing: no data folder, no root key, no token. Once the port is free it starts as if nothing had been.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { startEmbedded } from '../support/server/server.ts'
import { storeFolder } from '../support/store/store-place.ts'

for (const flag of ['--kmip', '--kmip-https', '--admin'])
  test(`the port of ${flag} is taken`, async (t) => {
    const data = path.join(await storeFolder(t), 'data')
    const other = createServer().listen(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const address = other.address()
    assert.ok(address !== null && typeof address === 'object')
    const args = [flag, `127.0.0.1:${address.port}`]
    await assert.rejects(startEmbedded({ data, args }), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`the server did not start: listen on 127.0.0.1 port ${address.port}: EADDRINUSE`),
      )
      assert.match(
        error.message,
        /Another program listens there, perhaps another Mortise\. Choose another port/,
      )
      return true
    })
    assert.deepEqual(readdirSync(path.dirname(data)), [])
    other.close()
    await once(other, 'close')
    await using server = await startEmbedded({ data, args })
    assert.ok(existsSync(path.join(server.data, 'admin-token')))
  })

test('two of its ports are the same one', async (t) => {
  const data = path.join(await storeFolder(t), 'data')
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const address = other.address()
  assert.ok(address !== null && typeof address === 'object')
  other.close()
  await once(other, 'close')
  const port = `127.0.0.1:${address.port}`
  await assert.rejects(startEmbedded({ data, args: ['--kmip', port, '--admin', port] }), /EADDRINUSE/)
  assert.deepEqual(readdirSync(path.dirname(data)), [])
})
