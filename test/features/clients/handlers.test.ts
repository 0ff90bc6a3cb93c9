// What somebody changes of a client while others change it too, and what is no client.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { trustChangeEveryMs, trustChangesAtOnce } from '../../../src/core/trust/change-pace.ts'
import { matchesCredential } from '../../../src/core/trust/credential.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { manager } from '../../support/server/core.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'

const password = (text: string) => ({ credential: { mode: 'when-sent', userName: 'vc', password: text } })

test('a new mode leaves the password that the client has by then, and brings none of before back', async (t) => {
  const clock = new MovableClock()
  const door = await startDoor({ clock })
  t.after(() => door.close())
  const { access, trust } = door.context
  const { certificate } = await makeCertificate({ key: 'ec' })
  const wanted = { instanceId: door.red.id, name: 'vcenter', certificate }
  await trust.clients.trustCertificate(manager, wanted)
  const token = await door.token('manager', door.red)
  const set = async (bearer: string, body: object) => {
    const answer = await door.ask('PATCH', '/api/v1/instances/red/clients/vcenter', { token: bearer, body })
    assert.equal(answer.status, 200, answer.text)
  }
  await set(token, password('leaked'))
  for (let made = 1; made < trustChangesAtOnce; made++) await set(token, { expiredGraceDays: made })
  const late = set(token, { credential: { mode: 'required' } })
  await set(await door.token('manager'), password('new'))
  clock.pass(trustChangeEveryMs)
  await late
  const credential = (await access.clients(door.red.id))[0]?.credential ?? assert.fail()
  assert.equal(credential.mode, 'required')
  assert.equal(await matchesCredential(credential, 'vc', 'leaked'), false)
  assert.equal(await matchesCredential(credential, 'vc', 'new'), true)
})

test('the certificates of this server itself, also the next one, are no client', async (t) => {
  const door = await startDoor({ env: { MORTISE_ADMIN_HOSTS: 'admin.example.test' } })
  t.after(() => door.close())
  const token = await door.token('manager')
  const ofAdmin = await shownAt(door)
  const renewed = await door.ask('POST', '/api/v1/server-certificate/renew', { token, body: {} })
  const { certificate: active, staged } = JSON.parse(renewed.text) as {
    readonly certificate: string
    readonly staged: { readonly certificate: string }
  }
  assert.notEqual(ofAdmin.trim(), active.trim(), 'the admin API has one of its own')
  for (const certificate of [active, staged.certificate, ofAdmin]) {
    const body = { by: 'certificate', name: 'vcenter', certificate }
    const answer = await door.ask('POST', '/api/v1/instances/red/clients', { token, body })
    assert.equal(answer.status, 400)
    assert.match(answer.text, /certificate of this server/)
  }
})

/** The certificate that the admin API presents, PEM. */
async function shownAt({ port, authorityPem }: TestDoor): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca: authorityPem })
  await once(socket, 'secureConnect')
  const pem = socket.getPeerX509Certificate()?.toString()
  socket.destroy()
  return pem ?? assert.fail('it presents none')
}
