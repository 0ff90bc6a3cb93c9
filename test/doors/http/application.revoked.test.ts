// A token that ends while the body of its request comes changes nothing by it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'

test('a token that is revoked before the body has come trusts no certificate', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  await door.token('manager')
  const bearer = await door.token('manager')
  const { certificate } = await makeCertificate({ key: 'ec', commonName: 'late' })
  const body = JSON.stringify({ by: 'certificate', name: 'late', certificate: certificate.pem })
  const socket = connect({ host: '127.0.0.1', port: door.port, ca: door.authorityPem })
  await once(socket, 'secureConnect')
  const head = [
    'POST /api/v1/instances/red/clients HTTP/1.1',
    'Host: localhost',
    'Connection: close',
    `Authorization: Bearer ${bearer}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Expect: 100-continue',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  const [continued] = (await once(socket, 'data')) as [Buffer]
  assert.match(continued.toString(), /^HTTP\/1\.1 100 /)
  const { access, trust } = door.context
  const token = (await access.token(bearer)) ?? assert.fail()
  await trust.tokens.revoke(serverActor, token.id, null)
  socket.write(body)
  assert.match(await text(socket), /^HTTP\/1\.1 401 /)
  assert.deepEqual(await access.clients(door.red.id), [])
})
