// What the proxy before vcsim does wrong on command, so that a client of vCenter can be tried with it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { providerId, SoapClient } from '../../support/vcenter/client.ts'
import { requestEnvelope, vim, VimFault, type Ref } from '../../support/vcenter/soap.ts'
import type { Trouble } from '../../support/vcenter/troubles.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { at, element, textAt } from '../../support/vcenter/xml.ts'
import { rejectsWith } from './proxy-site.ts'

const serviceInstance: Ref = { type: 'ServiceInstance', value: 'ServiceInstance' }
const currentTime = requestEnvelope(vim, 'CurrentTime', serviceInstance, [])
const onCurrentTime = { on: 'CurrentTime' } as const

function troubleTest(name: string, run: (vcenter: Vcenter, client: SoapClient) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-vm', '0'] })
    if (vcenter) await run(vcenter, await SoapClient.logIn(vcenter))
  })
}

const now = (client: SoapClient) => client.call('CurrentTime', [], serviceInstance)

troubleTest(
  'a fault, an HTTP status and a delay strike a method once, the next call works',
  async (vcenter, client) => {
    await vcenter.trouble({
      ...onCurrentTime,
      kind: 'fault',
      fault: 'NoPermission',
      message: 'Permission to perform this operation was denied.',
      fields: { privilegeId: 'Cryptographer.ManageKeys' },
    })
    await assert.rejects(now(client), (error) => {
      assert.ok(error instanceof VimFault)
      assert.equal(error.type, 'NoPermission')
      assert.equal(error.fields[0]?.text, 'Cryptographer.ManageKeys')
      return true
    })
    await now(client)
    await vcenter.trouble({ ...onCurrentTime, kind: 'status', status: 503 })
    assert.equal((await client.send(currentTime)).statusCode, 503)
    const beginMs = performance.now()
    await vcenter.trouble({ ...onCurrentTime, kind: 'delay', ms: 200 })
    await now(client)
    assert.ok(performance.now() - beginMs >= 200)
    assert.deepEqual((await vcenter.calls()).slice(-4), Array(4).fill('CurrentTime'))
  },
)

troubleTest('connections are reset before, after and in the middle of an answer', async (vcenter, client) => {
  for (const kind of ['reset-before', 'reset-after'] as const) {
    await vcenter.trouble({ ...onCurrentTime, kind })
    await assert.rejects(now(client), /ECONNRESET|socket hang up/, kind)
  }
  await vcenter.trouble({ ...onCurrentTime, kind: 'reset-mid' })
  const answer = await client.send(currentTime)
  const pieces: Buffer[] = []
  await assert.rejects(async () => {
    for await (const piece of answer as AsyncIterable<Buffer>) pieces.push(piece)
  }, /aborted/)
  assert.match(Buffer.concat(pieces).toString(), /^<\?xml/)
  // What has no answer was done all the same.
  const session = { type: 'SessionManager', value: 'SessionManager' }
  await vcenter.trouble({ on: 'Logout', kind: 'reset-after' })
  await assert.rejects(client.call('Logout', [], session))
  await rejectsWith('NotAuthenticated', now(client))
})

troubleTest(
  'an answer is as long as it was told to be, or has no end, or is never there',
  async (vcenter, client) => {
    const bytes = 3_000_000
    await vcenter.trouble({ ...onCurrentTime, kind: 'huge', bytes })
    const whole = await text(await client.send(currentTime))
    assert.ok(whole.length >= bytes && whole.length < bytes + 200_000)
    assert.match(whole, /<\/soapenv:Envelope>$/)
    await vcenter.trouble({ ...onCurrentTime, kind: 'endless' })
    let read = 0
    for await (const piece of (await client.send(currentTime)) as AsyncIterable<Buffer>) {
      read += piece.length
      if (read > 20_000_000) break
    }
    assert.ok(read > 20_000_000)
    await vcenter.trouble({ ...onCurrentTime, kind: 'drip', ms: 10_000 })
    const [first] = (await once(await client.send(currentTime), 'data')) as [Buffer]
    assert.equal(first.length, 1)
    await vcenter.trouble({ ...onCurrentTime, kind: 'hang' })
    const silent = await Promise.race([client.send(currentTime), isQuiet(300)])
    assert.equal(silent, undefined)
    await now(client)
  },
)

troubleTest(
  'all sessions end, and a certificate changes, while the client is at work',
  async (vcenter, client) => {
    await vcenter.trouble({ ...onCurrentTime, kind: 'end-session' })
    await rejectsWith('NotAuthenticated', now(client))
    const again = await SoapClient.logIn(vcenter)
    assert.equal(await vcenter.endSessions(), 1)
    await rejectsWith('NotAuthenticated', now(again))
    const next = await vcenter.changeCertificate()
    assert.notEqual(next.sha256, vcenter.shown.sha256)
    await assert.rejects(now(again), /self-signed certificate|unable to verify|DEPTH_ZERO/)
    const { host, port } = vcenter
    const other = new SoapClient({ host, port, shown: next })
    assert.equal((await other.send(currentTime)).statusCode, 500)
  },
)

troubleTest(
  'an answer of 100 MB is whole, and one byte a minute begins with one byte',
  async (vcenter, client) => {
    await vcenter.trouble({ ...onCurrentTime, kind: 'huge' })
    let read = 0
    for await (const piece of (await client.send(currentTime)) as AsyncIterable<Buffer>) read += piece.length
    assert.ok(read >= 100 * 1024 * 1024)
    await vcenter.trouble({ ...onCurrentTime, kind: 'drip' })
    const answer = await client.send(currentTime)
    const [first] = (await once(answer, 'data')) as [Buffer]
    assert.equal(first.length, 1)
    const second = once(answer, 'data').then(() => 'another byte')
    assert.equal(await Promise.race([second, isQuiet(300)]), undefined)
    answer.destroy()
    await now(client)
  },
)

troubleTest(
  'a certificate changes in the middle of the work, also for a client that keeps its connection',
  async (vcenter, client) => {
    const { host, port, shown } = vcenter
    const agent = new https.Agent({ keepAlive: true, ca: shown.certificate })
    const ask = async () => {
      const headers = { 'Content-Type': 'text/xml; charset=utf-8' }
      const request = https.request({ host, port, path: '/sdk', method: 'POST', agent, headers })
      const content = requestEnvelope(vim, 'RetrieveServiceContent', serviceInstance, [])
      const [answer] = (await once(request.end(content), 'response')) as [IncomingMessage]
      return { body: await text(answer), isSameConnection: request.reusedSocket }
    }
    await ask()
    assert.equal((await ask()).isSameConnection, true)
    await vcenter.trouble({ on: 'CurrentTime', kind: 'certificate' })
    // The call during which it changes has its answer.
    await now(client)
    const next = await vcenter.shownNow()
    assert.notEqual(next.sha256, shown.sha256)
    await assert.rejects(ask(), /self-signed certificate|unable to verify|DEPTH_ZERO/)
    await assert.rejects(now(client), /self-signed certificate|unable to verify|DEPTH_ZERO/)
    await now(await SoapClient.logIn({ ...address(vcenter), shown: next }))
    agent.destroy()
  },
)

troubleTest(
  'a value is answered that is not true, and nothing is asked or done for it',
  async (vcenter, client) => {
    const server = element('server', [
      element('name', 'away'),
      element('address', '127.0.0.1'),
      element('port', 1),
    ])
    await vcenter.trouble({ on: 'RetrieveKmipServerCert', kind: 'answer', fields: { certificate: '' } })
    const [empty] = await client.call('RetrieveKmipServerCert', [providerId('keyProvider', 'P'), server])
    assert.equal(textAt(empty, 'certificate'), '')
    assert.equal(at(empty, 'certInfo'), undefined)
    const unknown = client.call('RetrieveKmipServerCert', [providerId('keyProvider', 'P'), server])
    await rejectsWith('InvalidArgument', unknown)
    await vcenter.trouble({ on: 'RetrieveClientCert', kind: 'answer', text: 'no certificate' })
    const [value] = await client.call('RetrieveClientCert', [providerId('cluster', 'P')])
    assert.equal(value?.text, 'no certificate')
  },
)

troubleTest(
  'a trouble lasts until it is taken back, and one of another kind is refused',
  async (vcenter, client) => {
    await vcenter.trouble({ ...onCurrentTime, kind: 'fault', times: null })
    for (let round = 0; round < 3; round++) await assert.rejects(now(client), VimFault)
    await vcenter.calm()
    await now(client)
    await assert.rejects(vcenter.trouble({ kind: 'nothing' } as unknown as Trouble), /a trouble is one of/)
  },
)

/** What a login needs. */
function address({ host, port, username, password }: Vcenter) {
  return { host, port, username, password }
}

function isQuiet(ms: number): Promise<undefined | IncomingMessage> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}
