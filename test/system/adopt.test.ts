// `mortise adopt kmip` from a second Mortise: the same identifiers, bytes, states, dates, names and attributes; again after
// changes on either side; conflicts; and that nothing but questions goes over the wire.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { getKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../../src/outside/kmip-client/client.ts'
import { maskOf } from '../../src/wire/kmip/enums.ts'
import { edit, look } from '../support/server/core.ts'
import { openOldKmipServer, textOf } from '../support/old-kmip-server/fake.ts'
import {
  adoptWords,
  startEmbedded,
  startServer,
  type ClientFiles,
  type EmbeddedServer,
} from '../support/server/server.ts'
import { until } from '../support/time/until.ts'

interface Report {
  readonly [count: string]: unknown
  readonly conflicts: { readonly count: number; readonly items: readonly { readonly id: string }[] }
  readonly sharedNames: Report['conflicts']
  readonly verified: { readonly equal: number; readonly different: Report['conflicts'] } | null
}

let old: EmbeddedServer
let mine: EmbeddedServer
let client: ClientFiles
let there: KmipClient
let here: KmipClient
let folder: string
const made = new Map<string, string>()

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-adopt-'))
  old = await startEmbedded()
  mine = await startEmbedded()
  client = await old.issue('adopter')
  const own = await mine.issue('vcenter')
  there = connectKmip({ addresses: [old.kmip], ...trusted(client) })
  here = connectKmip({ addresses: [mine.kmip], ...trusted(own) })
  await makeObjects()
})
after(async () => {
  await there.close()
  await here.close()
  await old[Symbol.asyncDispose]()
  await mine[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const trusted = ({ tls }: ClientFiles) => ({ ...tls, trust: { by: 'authority', pem: tls.ca } as const })

const name = (text: string) => ({
  AttributeName: 'Name',
  AttributeValue: { NameValue: text, NameType: 'UninterpretedTextString' },
})
const x = (AttributeName: string, value: string) => ({
  AttributeName,
  AttributeValue: { type: 'TextString', value },
})

async function create(label: string, more: readonly object[] = []): Promise<string> {
  const Attribute = [
    { AttributeName: 'Cryptographic Algorithm', AttributeValue: 'AES' },
    { AttributeName: 'Cryptographic Length', AttributeValue: 256 },
    {
      AttributeName: 'Cryptographic Usage Mask',
      AttributeValue: maskOf('CryptographicUsageMask', ['Encrypt', 'Decrypt']),
    },
    ...more,
  ] as { AttributeName: string }[]
  const { UniqueIdentifier } = await there.request('Create', {
    ObjectType: 'SymmetricKey',
    TemplateAttribute: { Name: [], Attribute },
  })
  made.set(label, UniqueIdentifier)
  return UniqueIdentifier
}

const id = (label: string) => made.get(label) ?? assert.fail(`no ${label}`)
const revoke = (from: KmipClient, UniqueIdentifier: string, code: 'KeyCompromise' | 'CessationOfOperation') =>
  from.request('Revoke', { UniqueIdentifier, RevocationReason: { RevocationReasonCode: code } })

async function makeObjects(): Promise<void> {
  await create('new', [
    name('first'),
    x('x-vm', 'web-1'),
    { AttributeName: 'Object Group', AttributeValue: 'g' },
  ])
  for (const label of ['active', 'deactivated', 'compromised'])
    await there.request('Activate', { UniqueIdentifier: await create(label, [name(label)]) })
  await revoke(there, id('deactivated'), 'CessationOfOperation')
  await revoke(there, id('compromised'), 'KeyCompromise')
  const { UniqueIdentifier } = await there.request('Register', {
    ObjectType: 'SecretData',
    TemplateAttribute: { Name: [], Attribute: [name('secret')] },
    SecretData: {
      SecretDataType: 'Password',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from('pass word') } },
    },
  })
  made.set('secret', UniqueIdentifier)
  for (let more = 0; more < 20; more++) await create(`more-${more}`)
}

function args(...more: readonly string[]): string[] {
  return adoptWords(old.kmip.port, client, '--ca', client.caFile, '--instance', 'default', ...more)
}

async function adopt(code: number, ...more: readonly string[]): Promise<Report> {
  const answered = await mine.cli(...args(...more), '--json')
  assert.equal(answered.code, code, answered.stderr)
  return JSON.parse(answered.stdout) as Report
}

const counts = ({ adopted, updated, unchanged }: Report) => [adopted, updated, unchanged]

/** All that a client sees of an object, but for what is the server's own. */
async function seen(server: KmipClient, UniqueIdentifier: string): Promise<readonly string[]> {
  const { Attribute = [] } = await server.request('GetAttributes', { UniqueIdentifier, AttributeName: [] })
  const own = ['Fresh', 'x-Mortise-Adopted', 'x-Mortise-Adopted-Name']
  return Attribute.filter(({ AttributeName }) => !own.includes(AttributeName))
    .map((attribute) =>
      JSON.stringify(attribute, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    )
    .toSorted()
}

test('a dry run says what would be done, and does nothing', async () => {
  const report = await adopt(0, '--dry-run')
  assert.deepEqual([report['dryRun'], ...counts(report)], [true, made.size, 0, 0])
  assert.deepEqual(await mine.json('key', 'list', '--instance', 'default'), [])
  assert.doesNotMatch(JSON.stringify(await mine.json('audit', 'list')), /key\.adopt/)
})

test('a server that shows nothing to this certificate is no success: the keys may be those of another one', async () => {
  await old.json('instance', 'create', 'bare', '--root-key', 'file:root.key')
  const blind = path.join(folder, 'blind')
  await old.cli('client', 'issue', '--instance', 'bare', '--name', 'blind', '--out', blind)
  const [certFile, keyFile, caFile] = ['client.pem', 'client.key', 'ca.pem'].map((file) =>
    path.join(blind, file),
  )
  const words = [
    'adopt',
    'kmip',
    `127.0.0.1:${old.kmip.port}`,
    '--cert',
    certFile ?? '',
    '--key',
    keyFile ?? '',
  ]
  for (const more of [['--dry-run'], []]) {
    const answered = await mine.cli(...words, '--ca', caFile ?? '', '--instance', 'default', ...more)
    assert.equal(answered.code, 1)
    assert.match(answered.stdout, /Looked at: +0\n[^]*\nThe old server shows no objects to this certificate/)
  }
})

test('everything is there afterwards under the same identifier, with the same bytes, state and attributes', async () => {
  const report = await adopt(0, '--verify')
  assert.deepEqual(counts(report), [made.size, 0, 0])
  assert.deepEqual(report.verified, { equal: made.size, different: { count: 0, items: [] } })
  for (const [label, identifier] of made)
    assert.deepEqual(await seen(here, identifier), await seen(there, identifier), label)
  for (const label of ['new', 'active', 'more-7'])
    assert.deepEqual((await getKey(here, id(label))).material, (await getKey(there, id(label))).material)
  const entries = (await mine.json('audit', 'list', '--action', 'key.adopt')) as {
    result: string
    object: string
  }[]
  assert.deepEqual(entries.map(({ object }) => object).toSorted(), [...made.values()].toSorted())
  assert.ok(entries.every(({ result }) => result === 'success'))
})

test('a second run brings what is new or changed; no state goes back, and what was changed here stays', async () => {
  await here.request('Activate', { UniqueIdentifier: id('more-0') })
  await here.request('AddAttribute', {
    UniqueIdentifier: id('more-1'),
    Attribute: x('x-mine', 'kept'),
  })
  await there.request('AddAttribute', {
    UniqueIdentifier: id('more-1'),
    Attribute: x('x-theirs', 'new'),
  })
  await there.request('AddAttribute', {
    UniqueIdentifier: id('more-2'),
    Attribute: x('x-theirs', 'new'),
  })
  await there.request('Activate', { UniqueIdentifier: id('more-1') })
  await revoke(there, id('active'), 'CessationOfOperation')
  await create('late')
  const report = await adopt(0)
  assert.deepEqual(counts(report), [1, 3, made.size - 4])
  const shown = async (label: string) => (await seen(here, id(label))).join('\n')
  assert.match(await shown('more-0'), /"State","AttributeValue":"Active"/, 'not back to Pre-Active')
  assert.match(await shown('more-1'), /"State","AttributeValue":"Active"/)
  assert.match(await shown('more-1'), /x-mine/)
  assert.doesNotMatch(await shown('more-1'), /x-theirs/, 'it was changed here')
  assert.match(await shown('more-2'), /x-theirs/)
  assert.match(await shown('active'), /"State","AttributeValue":"Deactivated"/)
  assert.deepEqual(counts(await adopt(0)), [0, 0, made.size])
})

test('other bytes under an identifier, and what was destroyed here, are conflicts and stay as they are', async () => {
  await here.request('Destroy', { UniqueIdentifier: id('more-3') })
  const report = await adopt(1)
  assert.deepEqual(
    report.conflicts.items.map((item) => item.id),
    [id('more-3')],
  )
  assert.equal(counts(report)[2], made.size - 1)
  const { code, stdout } = await mine.cli(...args())
  assert.equal(code, 1)
  assert.match(stdout, /In conflict with what is here, and not overwritten:\n.*\n.*destroyed here/)
  const refused = (await mine.json('audit', 'list', '--action', 'key.adopt')) as {
    result: string
    reason: string
  }[]
  assert.ok(refused.some(({ result, reason }) => result === 'refused' && reason === 'ObjectDestroyed'))
})

test('what was destroyed here is a conflict also where its rows were removed: its mark says so', async () => {
  const rows = 'FROM objects WHERE unique_identifier = ?'
  const file = path.join(mine.data, 'mortise.db')
  assert.equal(edit(file, `DELETE ${rows}`, id('more-3')), 1)
  for (let again = 0; again < 2; again++) {
    const report = await adopt(1)
    assert.deepEqual(
      report.conflicts.items.map((item) => item.id),
      [id('more-3')],
    )
    assert.equal(counts(report)[2], made.size - 1)
  }
  assert.deepEqual(look(file, `SELECT 1 ${rows}`, id('more-3')), [])
})

test('a name that is taken here is kept beside, and both objects are there', async () => {
  await mine.json('key', 'create', '--instance', 'default', '--name', 'taken')
  await create('twice', [name('taken')])
  const report = await adopt(1)
  assert.deepEqual(
    report.sharedNames.items.map((item) => item.id),
    [id('twice')],
  )
  const { Attribute = [] } = await here.request('GetAttributes', {
    UniqueIdentifier: id('twice'),
    AttributeName: [],
  })
  assert.deepEqual(
    Attribute.filter(({ AttributeName }) => AttributeName.endsWith('Name')).map((one) => [
      one.AttributeName,
      (one.AttributeValue as { value?: string }).value,
    ]),
    [['x-Mortise-Adopted-Name', 'taken']],
  )
})

test('a file of identifiers takes the place of the search; check lists what is missing', async () => {
  const late = await create('by-file')
  const file = path.join(folder, 'keys.csv')
  writeFileSync(file, `"Name","KeyId"\n"web, 1","${late}"\n"db","not-there"\n`)
  const before = (await mine.cli('adopt', 'check', '--ids', file, '--instance', 'default', '--json')).stdout
  assert.deepEqual((JSON.parse(before) as { missing: string[] }).missing, [late, 'not-there'])
  const report = await adopt(1, '--ids', file)
  assert.deepEqual([report['objects'], report['adopted']], [2, 1])
  assert.match(JSON.stringify(report['notExported']), /not-there/)
  const { code, stdout } = await mine.cli('adopt', 'check', '--ids', file, '--instance', 'default')
  assert.equal(code, 1)
  assert.match(stdout, /Here: +1\nMissing: +1\n/)
})

test('the old server must be recognized, and a viewer or operator may not adopt', async () => {
  const untrusted = args().filter((word) => word !== '--ca' && word !== client.caFile)
  const { code, stderr } = await mine.cli(...untrusted)
  assert.equal(code, 2)
  assert.match(stderr, /how to recognize the old server/)
  const wrong = await mine.cli(...untrusted, '--fingerprint', 'ab'.repeat(32))
  assert.match(wrong.stderr, /the server has another certificate/)
  const { token } = (await mine.json('token', 'create', '--role', 'operator', '--name', 'op')) as {
    token: string
  }
  const tokenFile = path.join(folder, 'operator')
  writeFileSync(tokenFile, token, { mode: 0o600 })
  const refused = await mine.cli(...args(), '--token-file', tokenFile)
  assert.match(refused.stderr, /this needs the role manager/)
})

test('killed midway and started again, the same command brings the rest', async () => {
  const ids = Array.from({ length: 60 }, (_, index) => `killed-${index}`)
  const { promise: halfWay, resolve } = Promise.withResolvers<undefined>()
  let given = 0
  let held = true
  await using slow = await openOldKmipServer({
    Locate: ({ OffsetItems = 0 }) => ({ UniqueIdentifier: ids.slice(OffsetItems) }),
    Get: async ({ UniqueIdentifier }) => {
      if (++given === 30) resolve(undefined)
      if (held && given >= 30) await new Promise(() => undefined)
      return {
        ObjectType: 'SymmetricKey',
        UniqueIdentifier: textOf(UniqueIdentifier),
        SymmetricKey: {
          KeyBlock: {
            KeyFormatType: 'Raw',
            KeyValue: { KeyMaterial: Buffer.alloc(32, given) },
            CryptographicAlgorithm: 'AES',
            CryptographicLength: 256,
          },
        },
      }
    },
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: [{ AttributeName: 'State', AttributeValue: 'Active' }],
    }),
  })
  await using first = await startServer()
  const words = adoptWords(slow.port, client, '--fingerprint', slow.sha256, '--json')
  const watching = first.cli(...words)
  await halfWay
  const stored = async () => (await first.json('key', 'list', '--instance', 'default')) as unknown[]
  await until(async () => (await stored()).length > 0)
  const { stdout: shown } = await first.cli('adopt', 'status', '--instance', 'default')
  assert.match(shown, /An adoption from 127.0.0.1:\d+ runs: \d+ of 60 objects read/)
  const busy = await first.cli(...words)
  assert.match(busy.stderr, /mortise adopt status --watch --instance default, and try again/)
  await first.kill()
  assert.match((await watching).stderr, /give the same command again/)
  held = false
  await using second = await startEmbedded({ data: first.data })
  // Those that were stored before keep their bytes, although the fake gives other ones now.
  const { stdout } = await second.cli(...words)
  const report = JSON.parse(stdout) as Report
  const status = JSON.parse((await second.cli('adopt', 'status', '--json')).stdout) as { report: Report }
  assert.deepEqual(status.report, report)
  const [adopted = 0] = counts(report) as number[]
  assert.equal(adopted + report.conflicts.count, ids.length)
  assert.ok(report.conflicts.count > 0 && adopted > 0, 'part of them was here')
  assert.equal(((await second.json('key', 'list', '--instance', 'default')) as unknown[]).length, ids.length)
  assert.equal((await second.cli('audit', 'verify')).code, 0)
})

test('who stops watching a list of several parts hears that the server goes on with one only', async () => {
  await using server = await startServer()
  const { promise: asked, resolve } = Promise.withResolvers<undefined>()
  const never = new Promise<never>(() => undefined)
  await using slow = await openOldKmipServer({
    Get: async () => {
      resolve(undefined)
      return never
    },
  })
  const file = path.join(folder, 'many.txt')
  writeFileSync(file, Array.from({ length: 20_001 }, (_, index) => `k${index}\n`).join(''))
  const words = adoptWords(slow.port, client, '--fingerprint', slow.sha256, '--ids', file)
  const listeners = process.listenerCount('SIGINT')
  const watching = server.cli(...words)
  await asked
  await until(() => process.listenerCount('SIGINT') > listeners)
  process.emit('SIGINT')
  const { code, stderr } = await watching
  assert.equal(code, 1)
  assert.match(stderr, /The server goes on with it/)
  assert.match(stderr, /This is part 1 of 2 of the identifiers/)
})
