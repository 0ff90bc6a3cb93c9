// `mortise conformance` against the real server (XML and JSON: test/real/processes/conformance.test.ts), and against what is no KMIP server: it finds nothing wrong with
// Mortise, leaves nothing behind, and says what is wrong elsewhere.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { alter, withoutTag } from './broken.ts'
import type { Examined } from '../../src/tools/conformance/examine.ts'
import { makeCertificate } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { freePort } from '../support/server/free-port.ts'
import { openAlteringProxy, openMute, openWire, type Wire } from '../support/clients/proxy.ts'
import { nothingDiffers } from '../support/clients/conformance.ts'
import { all, find, numberOf, operations, read, tags } from '../support/clients/wire.ts'
import { startEmbedded, type ClientFiles, type EmbeddedServer } from '../support/server/server.ts'

let server: EmbeddedServer
let files: ClientFiles
before(async () => {
  server = await startEmbedded()
  files = await server.issue('checks')
})
after(() => server[Symbol.asyncDispose]())

const run = (port: number, ...more: readonly string[]) =>
  command(['conformance', `127.0.0.1:${port}`, '--cert', files.certFile, '--key', files.keyFile, ...more])

test('Mortise does in every version what the checks ask, and nothing is left', () =>
  nothingDiffers(server, files, 'ttlv'))

test('interrupted in the middle, it ends, and leaves nothing behind', async () => {
  let creates = 0
  await using proxy = await openAlteringProxy({
    target: { host: '127.0.0.1', port: server.kmip.port },
    tls: files.tls,
    alter: alter(0x01, (answer) => {
      if (++creates === 3) process.emit('SIGINT')
      return answer
    }),
  })
  const { code, stderr } = await run(proxy.port, '--insecure')
  assert.equal(code, 1)
  assert.match(stderr, /^mortise: interrupted; what was made is destroyed again$/m)
  const keys = (await server.json('key', 'list')) as readonly { readonly state: string }[]
  assert.deepEqual(
    keys.filter(({ state }) => !state.startsWith('Destroyed')),
    [],
  )
})

test('what differs is told with its versions, and the exit code says so', async () => {
  // Obtain Lease (0x10) answers without its Lease Time (0x420049).
  await using proxy = await openAlteringProxy({
    target: { host: '127.0.0.1', port: server.kmip.port },
    tls: files.tls,
    alter: alter(0x10, withoutTag(0x420049)),
  })
  const { code, stdout } = await run(proxy.port, '--insecure')
  assert.equal(code, 1)
  assert.match(stdout, /✗/)
  assert.match(stdout, /What does not work, and why:\n(.*\n)*.*ObtainLease states a lease/)
})

test('what is left is destroyed on another connection where one ends, or named', async () => {
  const interrupted = async (isCut: (destroys: number) => boolean, last: number) => {
    let destroys = 0
    await using proxy = await openAlteringProxy({
      target: { host: '127.0.0.1', port: server.kmip.port },
      tls: files.tls,
      alter: (answer, request) => {
        const [item] = all(read(request), 'BatchItem')
        if (!item || numberOf(find(item, 'Operation')) !== operations.Destroy) return answer
        if (++destroys === last) process.emit('SIGINT')
        return isCut(destroys) ? undefined : answer
      },
    })
    return (await run(proxy.port, '--insecure')).stderr
  }
  const mended = await interrupted((destroys) => destroys % 7 === 0, 70)
  assert.match(mended, /^mortise: interrupted; what was made is destroyed again$/m)
  const keys = (await server.json('key', 'list')) as readonly { readonly state: string }[]
  assert.deepEqual(
    keys.filter(({ state }) => !state.startsWith('Destroyed')),
    [],
  )
  const lost = await interrupted(() => true, 2)
  assert.match(lost, /Destroy by hand what could not be destroyed: [0-9a-f-]{36}(, [0-9a-f-]{36})*\n/)
})

test('an answer without a payload differs, and is no bug', async () => {
  await using proxy = await openAlteringProxy({
    target: { host: '127.0.0.1', port: server.kmip.port },
    tls: files.tls,
    alter: alter(0x01, withoutTag(tags.ResponsePayload)),
  })
  const { code, stdout, stderr } = await run(proxy.port, '--insecure')
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^0 of 7 versions asked\n7 of 7 versions asked\n0 of (\d+) checks done\n(?:.* checks done\n)*\1 of \1 checks done\n$/,
  )
  assert.match(stdout, /Create succeeds without a payload/)
})

/** What the command finds where `happens` comes over the server as it makes its fifth object. */
async function examinedWhile(happens: (wire: Wire) => unknown) {
  let creates = 0
  const wires: Wire[] = []
  await using proxy = await openAlteringProxy({
    target: { host: '127.0.0.1', port: server.kmip.port },
    tls: files.tls,
    alter: alter(0x01, (answer) => {
      const [wire] = wires
      if (wire && ++creates === 5) happens(wire)
      return answer
    }),
  })
  await using wire = await openWire({ host: '127.0.0.1', port: proxy.port })
  wires.push(wire)
  const { code, stdout } = await run(wire.port, '--insecure', '--json', '--timeout', '1s')
  const examined = JSON.parse(stdout) as Examined
  const results = examined.checks.flatMap(({ found }) => Object.values(found).map(({ result }) => result))
  const counts = Object.fromEntries(
    [...Map.groupBy(results, (result) => result)].map(([result, all]) => [result, all.length]),
  )
  for (const id of examined.left) await server.json('key', 'destroy', id, '--yes')
  return { code, stopped: examined.stopped, counts, profiles: examined.profiles }
}

test('a server that goes away in the middle is no server that differs: the rest is not checked', async () => {
  const { code, stopped, counts, profiles } = await examinedWhile((wire) => wire.cut())
  assert.deepEqual([code, stopped], [1, 'the server is gone: nothing listens there'])
  assert.equal(counts['differs'], undefined)
  assert.ok((counts['works'] ?? 0) >= 4 && (counts['unchecked'] ?? 0) > 100, JSON.stringify(counts))
  assert.equal(
    profiles.find(({ profile }) => profile === 'Baseline Server')?.found['1.4']?.result,
    'unchecked',
  )
})

test('a server that says nothing any more is asked three checks long', async () => {
  const { code, stopped, counts } = await examinedWhile((wire) => wire.mute())
  assert.deepEqual([code, stopped], [1, '3 checks in a row had no answer'])
  assert.equal(counts['differs'], undefined)
})

test('a server that says nothing at all ends the command after one request', async () => {
  await using mute = await openMute()
  const { code, stderr } = await run(mute.port, '--insecure', '--timeout', '1s')
  assert.equal(code, 1)
  assert.match(stderr, /the TLS handshake took too long|no answer within/)
})

test('an instance that shares names fails the check of a second Name, and the reason says why', async (t) => {
  await server.json('instance', 'set', 'default', '--names', 'shared')
  t.after(() => server.json('instance', 'set', 'default', '--names', 'unique'))
  const { code, stdout } = await run(server.kmip.port, '--insecure')
  assert.equal(code, 1)
  assert.match(
    stdout,
    /Create refuses a Name that another object has: 1\.0, .*: a second key gets the Name, .* instance set NAME --names unique/,
  )
  assert.match(
    stdout,
    /What each profile lacks:\n {2}Symmetric Key Lifecycle, 1\.0, .*: Create refuses a Name that another object has\n/,
  )
})

test('without a KMIP server there it says what is there instead', async () => {
  const closed = await freePort()
  const refused = await run(closed, '--insecure')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /nothing listens there\n.*is the server there/)

  const other = await run(server.kmip.port, '--fingerprint', '00'.repeat(32))
  assert.match(other.stderr, /the server has another certificate: .*\n.*--ca, --fingerprint or --insecure/)

  const identity = await makeCertificate({ key: 'ec', commonName: 'localhost' })
  const web = createTlsServer({ ...identity.tls }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  }).listen(0, '127.0.0.1')
  await once(web, 'listening')
  const notKmip = await run((web.address() as AddressInfo).port, '--insecure')
  web.close()
  assert.equal(notKmip.code, 1)
  assert.match(notKmip.stderr, /not a KMIP message.*\n.*does the server speak KMIP on this port/)

  const notHttp = await run(server.kmip.port, '--insecure', '--encoding', 'xml')
  assert.match(notHttp.stderr, /does not answer in HTTP\n.*--encoding xml and json need its port for HTTPS/)

  const wrong = await run(server.kmip.port, '--insecure', '--encoding', 'yaml')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /--encoding takes ttlv, xml, json, not yaml/)
})

test('nothing is made for a client that may not destroy it: the command says what it needs', async (t) => {
  const set = (allow: string) => server.json('client', 'set', 'checks', '--allow', allow)
  t.after(() => set('all'))
  await set('vsphere')
  const before = await server.json('key', 'list')
  const { code, stderr } = await run(server.kmip.port, '--insecure')
  assert.equal(code, 1)
  assert.match(stderr, /could not be destroyed: .*may not ask for Destroy.*\n.*--allow all/)
  assert.deepEqual(await server.json('key', 'list'), before)
})
