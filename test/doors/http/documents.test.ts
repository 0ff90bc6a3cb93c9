// The public documents: encoded and compressed once, with an ETag. No other answer is compressed.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'

let door: TestDoor
before(async () => {
  door = await startDoor()
})
after(() => door.close())

async function get(path: string, headers: RequestOptions['headers'] = {}) {
  const { port, authorityPem: ca } = door
  const request = httpsRequest({ host: '127.0.0.1', port, ca, servername: 'localhost', path, headers })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await buffer(response) }
}

for (const path of ['/api/openapi.json', '/api/docs'])
  test(`${path} has an ETag, and is compressed for those who take it so`, async () => {
    const plain = await get(path)
    assert.equal(plain.status, 200)
    assert.equal(plain.headers['content-encoding'], undefined)
    assert.equal(plain.headers['cache-control'], 'no-cache')
    assert.equal(plain.headers.vary, 'Accept-Encoding')
    for (const accepted of ['gzip', 'br, gzip;q=0.5', 'deflate,GZIP ; q=1']) {
      const { headers, body } = await get(path, { 'Accept-Encoding': accepted })
      assert.equal(headers['content-encoding'], 'gzip', accepted)
      assert.ok(gunzipSync(body).equals(plain.body))
      assert.ok(body.length < plain.body.length / 3)
      assert.equal(headers.etag, plain.headers.etag)
      assert.equal(headers['content-type'], plain.headers['content-type'])
    }
    for (const accepted of ['gzip;q=0', 'br, gzip; q=0.0', 'identity', 'xgzip'])
      assert.equal((await get(path, { 'Accept-Encoding': accepted })).headers['content-encoding'], undefined)
    const known = await get(path, { 'If-None-Match': `"x", ${plain.headers.etag}` })
    assert.equal(known.status, 304)
    assert.equal(known.body.length, 0)
    assert.equal(known.headers.etag, plain.headers.etag)
    assert.equal((await get(path, { 'If-None-Match': 'W/"x"' })).status, 200)
  })

test('answers to a token are neither compressed nor kept', async () => {
  const { headers } = await get('/api/v1/instances', {
    Authorization: `Bearer ${await door.token('viewer')}`,
    'Accept-Encoding': 'gzip',
  })
  assert.equal(headers['content-encoding'], undefined)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers.etag, undefined)
})
