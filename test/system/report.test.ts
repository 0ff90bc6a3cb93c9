// `mortise report` of a server on which something happened: what an auditor finds in it, and what a token for one instance does not.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createKey, getKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../src/outside/kmip-client/client.ts'
import { command } from '../support/server/command.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { until } from '../support/time/until.ts'

interface Row {
  readonly section: string
  readonly instance: string | null
  readonly id: string | null
  readonly name: string | null
  readonly what: string | null
  readonly by: string | null
  readonly times: number | null
  readonly detail: string | null
}

interface Shown {
  readonly tokensShown: boolean
  readonly logReachesBack: boolean
  readonly fetchedBy: readonly { by: string; keys: number; times: number }[]
  readonly rows: readonly Row[]
}

let server: EmbeddedServer
let keys: readonly string[]
/** More than a page of the audit. */
const fetches = 600
before(async () => {
  server = await startEmbedded()
  const { tls } = await server.issue('vcenter-1')
  await server.issue('nobody')
  const made = (await server.json('instance', 'create', 'other')) as { id: string }
  assert.ok(made.id)
  await server.json('token', 'create', '--role', 'viewer', '--name', 'auditor')
  await server.json('token', 'create', '--role', 'viewer', '--name', 'idle')
  await server.json(
    'client',
    'issue',
    '--instance',
    'other',
    '--name',
    'elsewhere',
    '--out',
    path.join(server.data, 'other-client'),
  )
  await using client = connectKmip({
    addresses: [server.kmip],
    cert: tls.cert,
    key: tls.key,
    trust: { by: 'authority', pem: tls.ca },
  })
  keys = [await createKey(client, { name: 'first' }), await createKey(client)]
  for (let n = 1; n <= fetches; n++) (await getKey(client, keys[0] ?? '')).material.fill(0)
  ;(await getKey(client, keys[1] ?? '')).material.fill(0)
  await assert.rejects(getKey(client, 'no-such-key'))
})
after(() => server[Symbol.asyncDispose]())

/** Access records are in the log within a second. */
async function whole(...args: string[]): Promise<Shown> {
  let shown: Shown | undefined
  await until(async () => {
    shown = (await server.json('report', '--from', '-1h', ...args)) as Shown
    return shown.fetchedBy.some(({ times }) => times > fetches)
  })
  return shown ?? assert.fail()
}

test('it says who fetched which key how often, and which keys, clients and tokens there are', async () => {
  const { rows, fetchedBy, tokensShown, logReachesBack } = await whole()
  assert.deepEqual([tokensShown, logReachesBack], [true, false])
  const [first, second] = keys
  const fetched = rows
    .filter(({ section, what }) => section === 'fetch' && what === 'key.get: success')
    .map(({ instance, id, name, by, times }) => [instance, id, name, by, times])
  const expected = [
    ['default', first, 'first', 'client vcenter-1', fetches],
    ['default', second, null, 'client vcenter-1', 1],
  ]
  assert.deepEqual(new Set(fetched.map(String)), new Set(expected.map(String)))
  assert.deepEqual(
    fetchedBy.map(({ by, keys: count, times }) => [by, count, times]),
    [['client vcenter-1', 2, fetches + 1]],
  )
  const inSection = (wanted: string) => rows.filter(({ section }) => section === wanted)
  assert.deepEqual(new Set(inSection('key').map(({ id }) => id)), new Set(keys))
  assert.deepEqual(new Set(inSection('client').map(({ name }) => name)), new Set(['elsewhere', 'nobody']))
  assert.deepEqual(new Set(inSection('token').map(({ name }) => name)), new Set(['auditor', 'idle']))
  const changes = inSection('trust').map(({ what, by }) => `${what} by ${by}`)
  assert.ok(changes.includes('instance.create by token bootstrap'), changes.join('\n'))
  assert.equal(inSection('trust').filter(({ what }) => what === 'client.trust').length, 3)
  assert.equal(inSection('trust').filter(({ what }) => what === 'token.create').length, 3)
})

test('text names the same, and CSV has a line for each row', async () => {
  const { rows } = await whole()
  const text = (await server.cli('report', '--from', '-1h')).stdout
  assert.match(text, /client vcenter-1\s+default\s+2\s+601\s+1\s/)
  assert.match(text, /Active|PreActive/)
  assert.match(text, /idle\s+-?\s/)
  assert.match(text, /client\.trust\s+default\s+vcenter-1\s+token bootstrap/)
  const csv = (await server.cli('report', '--from', '-1h', '--csv')).stdout
  const [head, ...lines] = csv.trimEnd().split('\r\n')
  assert.equal(head, 'section,instance,id,name,what,by,certificate,times,first,last,detail')
  assert.equal(lines.length, rows.length)
})

test('a period before anything was there is empty', async () => {
  const { rows, fetchedBy } = (await server.json(
    'report',
    '--from',
    '2020-01-01',
    '--to',
    '2020-04-01',
  )) as Shown
  assert.deepEqual([fetchedBy, rows], [[], []])
})

test('a token for one instance shows that one alone, without tokens and the changes of the server', async () => {
  const { token } = (await server.json(
    'token',
    'create',
    '--role',
    'viewer',
    '--instance',
    'other',
    '--name',
    'o',
  )) as {
    token: string
  }
  const file = path.join(server.data, 'other-token')
  writeFileSync(file, token, { mode: 0o600 })
  const { stdout, stderr } = await command([
    'report',
    '--from',
    '-1h',
    '--json',
    '--token-file',
    file,
    '--data',
    server.data,
  ])
  assert.equal(stderr, '')
  const { tokensShown, rows } = JSON.parse(stdout) as Shown
  assert.equal(tokensShown, false)
  assert.ok(rows.length > 0)
  assert.deepEqual([...new Set(rows.map(({ instance }) => instance))], ['other'])
  assert.ok(rows.every(({ section }) => section !== 'token' && section !== 'fetch'))
})

test('an instance that is not there is refused, since an empty report would say that nothing happened', async () => {
  const { code, stdout, stderr } = await server.cli('report', '--from', '-1h', '--instance', 'nowhere')
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /there is no instance nowhere/)
})
