// Complete answers: who fetched a key, when a client was last seen and by which certificate, the audit log by every
// filter, as CSV and as it grows, what pruning keeps, and what is too much to trust.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { clientCertificate, testVmca } from '../support/certificates/certificates.ts'
import { command } from '../support/server/command.ts'
import { aes, openSession, text } from '../support/clients/kmip-session.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { serveArguments } from '../support/server/server.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-answers-'))
let server: RunningServer
let key: string
before(async () => {
  server = await startInProcess()
  const vmca = path.join(folder, 'vmca.pem')
  writeFileSync(vmca, (await testVmca()).certificate.pem)
  await said('client', 'trust', '--name', 'vcenter', '--ca', vmca)
  using session = await openSession(server.port, await clientCertificate('vmca-signed'))
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', aes([text('x-Name', 'web server 3')]))
  key = UniqueIdentifier
  for (let times = 0; times < 3; times++) await session.ask('1.4', 'Get', { UniqueIdentifier })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const cli = (...words: string[]) => command(words, { data: server.data })

async function said(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...words)
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

async function listed(...filter: string[]): Promise<{ action: string; result: string; requestId: string }[]> {
  return JSON.parse(await said('audit', 'list', ...filter, '--json')) as never
}

async function listFails(code: number, why: RegExp, ...filter: string[]): Promise<void> {
  const answer = await cli('audit', 'list', ...filter)
  assert.deepEqual([answer.code, answer.stdout], [code, ''], filter.join(' '))
  assert.match(answer.stderr, why)
}

async function refuses(why: RegExp, ...words: string[]): Promise<void> {
  const { code, stderr } = await cli('client', 'trust', '--name', 'x', ...words)
  assert.equal(code, 1)
  assert.match(stderr, why)
}

test('key show says who fetched it, when and how often', async () => {
  const { sha256 } = (await clientCertificate('vmca-signed')).certificate
  const shown = await said('key', 'show', key)
  assert.match(shown, new RegExp(`vcenter +${sha256.slice(0, 16)} +127\\.0\\.0\\.1 +3 +20`))
  const { fetches } = await server.admin.call(keyRoutes.showKey, { instance: 'default', key })
  assert.deepEqual([fetches.times, fetches.complete, fetches.by.length], [3, true, 1])
  assert.equal(fetches.by[0]?.certificateSha256, sha256)
  const other = JSON.parse(await said('key', 'create', '--json')) as { id: string }
  assert.match(await said('key', 'show', other.id), /No client fetched it/)
})

test('client show says when, from where and with which certificate, also where a CA vouches for it', async () => {
  const { sha256 } = (await clientCertificate('vmca-signed')).certificate
  assert.match(
    await said('client', 'show', 'vcenter'),
    new RegExp(`Last seen: +20.* from 127\\.0\\.0\\.1, with the certificate ${sha256}`),
  )
  await server.trust('silent', await clientCertificate('self-signed'))
  assert.match(await said('client', 'show', 'silent'), /Last seen: +never/)
})

test('the audit log is filtered by client, token, address, result, request and the name of the object', async () => {
  const actions = async (...filter: string[]) =>
    new Set((await listed(...filter)).map(({ action }) => action))
  assert.deepEqual(await actions('--client', 'vcenter'), new Set(['key.create', 'key.get']))
  assert.equal((await listed('--client', 'vcenter', '--result', 'refused')).length, 0)
  assert.equal((await listed('--client', 'vcenter', '--action', 'key.get', '--result', 'success')).length, 3)
  assert.deepEqual(
    await actions('--token', 'bootstrap', '--object-name', 'vcenter'),
    new Set(['client.trust']),
  )
  assert.deepEqual(await actions('--object-name', 'web server 3'), new Set(['key.create', 'key.get']))
  assert.deepEqual(
    await actions('--object-name', 'web server 3', '--instance', 'default'),
    new Set(['key.create', 'key.get']),
  )
  assert.deepEqual(await listed('--object-name', 'nobody'), [])
  assert.deepEqual(await listed('--address', '192.0.2.1'), [])
  assert.ok((await listed('--address', '127.0.0.1')).length >= 4)
  const [first] = await listed('--client', 'vcenter', '--limit', '1')
  assert.equal((await listed('--request', first?.requestId ?? '')).length, 1)
  assert.equal((await cli('audit', 'list', '--result', 'maybe')).code, 2)
})

test('a filter by a client or token that nobody knows is refused; one that found nothing is not', async () => {
  await listFails(1, /there is no client vcentre; did you mean `vcenter`\?/, '--client', 'vcentre')
  await listFails(1, /there is no client nobody\n/, '--client', 'nobody', '--csv')
  await listFails(
    1,
    /there is no token bootstrp; did you mean `bootstrap`\?/,
    '--token',
    'bootstrp',
    '--instance',
    'default',
  )
  await listFails(2, /--address takes an IP address/, '--address', 'kms.example.com')
  await listFails(2, /--after takes the number that an earlier list named, not x/, '--after', 'x')
  assert.deepEqual(await listed('--client', 'vcenter', '--until', '2001-01-01'), [])
})

test('--csv prints a table that spreadsheets read', async () => {
  const lines = (await said('audit', 'list', '--client', 'vcenter', '--csv')).split('\r\n')
  assert.match(
    lines[0] ?? '',
    /^time,action,result,reason,instance,object,by,name,id,certificate,address,request,detail$/,
  )
  assert.equal(lines.length, 1 + 4 + 1)
  assert.match(lines[1] ?? '', new RegExp(`^20\\S+Z,key\\.get,success,,[^,]+,${key},client,vcenter,`))
  assert.equal((await cli('audit', 'list', '--csv', '--json')).code, 2)
})

test('--follow shows the last entries, then new ones in the order in which they come', async () => {
  const [program, ...words] = serveArguments(server.data)
  const main = words.slice(0, words.indexOf('serve'))
  const args = ['audit', 'list', '--follow', '--limit', '1', '--action', 'token.create', '--json']
  const child = spawn(program, [...main, ...args, '--data', server.data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const names: unknown[] = []
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      names.push((JSON.parse(line) as { detail: { name: string } }).detail.name)
      if (names.length === 1)
        for (const name of ['one', 'two'])
          await server.admin.call(tokenRoutes.createToken, { body: { role: 'viewer', name } })
      if (names.length === 3) break
    }
  } finally {
    child.kill()
  }
  assert.deepEqual(names, ['bootstrap', 'one', 'two'])
})

test('audit prune asks, keeps ninety days unless somebody insists, and exports first', async () => {
  const file = path.join(folder, 'audit.jsonl')
  const refused = await cli('audit', 'prune', '--before', 'now', '--yes')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /less than 90 days ago.*\n.*--younger/)
  const unasked = await cli('audit', 'prune', '--before', '-100d')
  assert.deepEqual([unasked.code, unasked.stdout], [2, ''])
  const words = ['audit', 'prune', '--before', '-100d', '--export', file]
  const no = await command(words, { data: server.data, terminal: true, input: 'no\n' })
  assert.equal(no.code, 1)
  assert.match(no.stderr, /for good\.\nType that day \(\d{4}-\d\d-\d\d\) to go on: .*nothing was removed/s)
  assert.equal(existsSync(file), false)
  const [, day = ''] = /that day \((.*?)\)/.exec(no.stderr) ?? []
  const yes = await command(words, { data: server.data, terminal: true, input: `${day}\n` })
  assert.equal(yes.code, 0, yes.stderr)
  assert.match(yes.stdout, /The log is in .*audit\.jsonl\. Nothing was removed: no entry before/)
  assert.ok(readFileSync(file, 'utf8').includes('client.trust'))
  assert.equal((await listed('--action', 'audit.export')).length, 1)
})

test('a CA as a certificate, a leaf as a CA, and every certificate of a CA are refused', async () => {
  const [ca, leaf] = [path.join(folder, 'vmca.pem'), path.join(folder, 'leaf.pem')]
  writeFileSync(leaf, (await clientCertificate('vmca-signed')).certificate.pem)
  await refuses(/certificate of a CA.*\n.*--ca/, '--cert', ca)
  await refuses(/not the certificate of a CA.*\n.*--cert/, '--ca', leaf)
  for (const every of ['*', 'CN=**'])
    await refuses(
      /fits every certificate that this CA signs.*\n.*--every-certificate-of-this-ca/,
      '--ca',
      ca,
      '--subject',
      every,
    )
  await refuses(/subject pattern is empty/, '--ca', ca, '--subject', ' ', '--every-certificate-of-this-ca')
  const empty = await cli('client', 'trust', '--name', 'x', '--ca', ca, '--subject', '')
  assert.equal(empty.code, 2)
  assert.match(empty.stderr, /--subject takes a pattern that is not empty/)
  await said('client', 'remove', 'vcenter')
  const all = ['--ca', ca, '--subject', '*', '--every-certificate-of-this-ca']
  assert.match(await said('client', 'trust', '--name', 'everybody', ...all), /whose subject fits \*/)
})

test('what was revoked stays a filter, since the log has it', async () => {
  const out = path.join(folder, 'short-token')
  await said('token', 'create', '--role', 'manager', '--name', 'short', '--out', out)
  await said('token', 'create', '--role', 'viewer', '--name', 'made', '--token-file', out)
  await said('token', 'revoke', 'short')
  assert.deepEqual(await listed('--token', 'short', '--until', '2001-01-01'), [])
  assert.equal((await listed('--token', 'short')).length, 1)
})

test('Enter alone destroys no key, whatever name without a letter a client gave it', async () => {
  for (const name of ['', ' ']) {
    using session = await openSession(server.port, await clientCertificate('vmca-signed'))
    const { UniqueIdentifier } = await session.ask('1.4', 'Create', aes([text('x-Name', name)]))
    const words = ['key', 'destroy', UniqueIdentifier]
    const { code, stderr } = await command(words, { data: server.data, terminal: true, input: `${name}\n` })
    assert.equal(code, 1)
    assert.match(stderr, /not destroyed: that is not its id or name/)
  }
})

test('key list fits a terminal of 120 columns, with whole ids, and is complete elsewhere', async () => {
  using session = await openSession(server.port, await clientCertificate('vmca-signed'))
  const vsphere = {
    Name: 'esx-01.a-long-site.example.com',
    Component: 'ESXi Server',
    Identifier: randomUUID(),
  }
  const attributes = Object.entries(vsphere).map(([name, value]) => text(`x-${name}`, value))
  const { UniqueIdentifier: id } = await session.ask('1.4', 'Create', aes(attributes))
  await said('key', 'revoke', id, '--reason', 'KeyCompromise')
  const on = async (columns?: number) => {
    const { stdout } = await command(['key', 'list'], {
      data: server.data,
      env: { MORTISE_PAGER: '' },
      ...(columns !== undefined && { columns }),
    })
    return stdout.split('\n')
  }
  const narrow = await on(120)
  assert(
    narrow.every((line) => line.length <= 120),
    narrow.join('\n'),
  )
  const [line = ''] = narrow.filter((one) => one.startsWith(`${id}  `))
  assert.match(line, /^\S{36}  Compromised  AES-256  esx-01\S*…  ESXi S.*…  - {8}20\d\d-\d\d-\d\d  -$/)
  assert.match(
    (await on(200)).join('\n'),
    / esx-01.a-long-site.example.com  ESXi Server [0-9a-f-]{36}  - .* 20\S+ \d\d:\d\d /,
  )
  assert.deepEqual(await on(), await on(200))
})
