// `mortise adopt ibm-standard-keys`: keys that another service left in Key Protect in three of the ways that are tried, one
// that no way opens, and wrong ones, adopted while the old service answers and after it is gone.

import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { getKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../src/outside/kmip-client/client.ts'
import { LeftKeys } from './left-keys.ts'
import { runCli, startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

interface Listed {
  readonly count: number
  readonly items: readonly { readonly id: string; readonly why: string }[]
}

interface Report {
  readonly objects: number
  readonly adopted: number
  readonly unchanged: number
  readonly unchecked: number
  readonly conflicts: Listed
  readonly notExported: Listed
  readonly notChecked: Listed
  readonly withoutAttributes: Listed
  readonly verified: { readonly equal: number; readonly different: Listed }
}

let left: LeftKeys
let mine: EmbeddedServer
let proofFile: string
const unknownId = '0a0a0a0a-0000-4000-8000-000000000000'
const unknownKey = Buffer.alloc(32, 2)

before(async () => {
  left = await LeftKeys.start(13)
  mine = await startEmbedded({ env: left.env })
  proofFile = path.join(left.folder, 'proof.json')
  for (const at of [0, 1, 2]) await left.storeText(left.nth(at).id, left.nth(at).material)
  for (const at of [3, 4, 5]) await left.storeBytes(left.nth(at).id, left.nth(at).material)
  for (const at of [6, 7, 8]) await left.storeJson(left.nth(at).id, left.nth(at).material)
  // Alone in its way, which one key does not prove.
  const alone = left.nth(12)
  await left.store(alone.id, Buffer.from(await left.wrapped(alone.material, [alone.id])))
  // No way opens it.
  await left.store(left.nth(9).id, Buffer.from(await left.wrapped(left.nth(9).material, ['something else'])))
})
after(async () => {
  await mine[Symbol.asyncDispose]()
  await left[Symbol.asyncDispose]()
})

const command = ['adopt', 'ibm-standard-keys']
const words = (...more: readonly string[]) => [
  ...command,
  ...left.at(),
  ...(more.includes('--instance') ? [] : ['--instance', 'default']),
  ...more,
]

async function adopt(code: number, ...more: readonly string[]): Promise<Report> {
  const { code: ended, stdout, stderr } = await mine.cli(...words(...more), '--json')
  assert.equal(ended, code, `${stdout}${stderr}`)
  left.showsNoKey(`${stdout}${stderr}${mine.stderr()}`)
  return JSON.parse(stdout) as Report
}

const found = ({ items }: Listed) => items.map(({ id }) => id).toSorted()
const ids = (...at: readonly number[]) => at.map((one) => left.nth(one).id).toSorted()

async function bytesHere(instance: string, wanted: readonly string[]): Promise<readonly Buffer[]> {
  const folder = path.join(left.folder, `client-${instance}`)
  await mine.json('client', 'issue', '--instance', instance, '--name', 'reader', '--out', folder)
  const file = (name: string) => readFileSync(path.join(folder, name), 'utf8')
  const tls = { cert: file('client.pem'), key: file('client.key') }
  await using kmip = connectKmip({
    addresses: [mine.kmip],
    ...tls,
    trust: { by: 'authority', pem: file('ca.pem') },
  })
  const all: Buffer[] = []
  for (const id of wanted) all.push((await getKey(kmip, id)).material)
  return all
}

test('the probe writes a proof of three ways, without key bytes and without their digests', async () => {
  const args = ['adopt', 'probe', ...left.at(), ...left.live(), '--proof', proofFile]
  const { code, stdout, stderr } = await runCli(args, left.env)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /The proof is in .*proof\.json\. It holds no key bytes/)
  assert.equal(statSync(proofFile).mode & 0o777, 0o600)
  const text = readFileSync(proofFile, 'utf8')
  left.showsNoKey(text)
  const proof = JSON.parse(text) as { ways: { way: string }[]; checks: Record<string, string> }
  const ways = ['base64, aad identifier', 'json, aad instance', 'text, aad none']
  assert.deepEqual(proof.ways.map(({ way }) => way).toSorted(), ways)
  assert.deepEqual(Object.keys(proof.checks).toSorted(), ids(0, 1, 2, 3, 4, 5, 6, 7, 8, 12))
  const again = await runCli(args, left.env)
  assert.match(again.stderr, /exists already; it is not overwritten/)
})

test('with the old service each key is compared before it comes, and its state and dates come too', async () => {
  // Made after the probe; one of them holds other bytes than the old service gives.
  await left.storeText(left.nth(10).id, left.nth(10).material)
  await left.storeText(left.nth(11).id, Buffer.alloc(32, 1))
  await left.storeText(unknownId, unknownKey)
  await left.old.json('key', 'activate', left.nth(0).id)
  const args = [...left.live(), '--proof', proofFile]
  const dry = await adopt(1, ...args, '--dry-run')
  assert.deepEqual([dry.objects, dry.adopted], [14, 11])
  assert.deepEqual(await mine.json('key', 'list', '--instance', 'default'), [])

  await left.fake.forgetCalls()
  const report = await adopt(1, ...args)
  assert.deepEqual([report.adopted, report.verified.equal, report.unchecked], [11, 11, 0])
  assert.deepEqual(found(report.notExported), ids(9))
  assert.deepEqual(found(report.verified.different), ids(11))
  assert.deepEqual(found(report.notChecked), [unknownId])
  for (const { call } of await left.fake.calls())
    assert.ok(['token', 'metadata', 'list', 'search', 'get', 'unwrap'].includes(call), `${call} only reads`)

  const come = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12].map((at) => left.nth(at))
  const here = await bytesHere(
    'default',
    come.map(({ id }) => id),
  )
  assert.deepEqual(
    here,
    come.map(({ material }) => material),
  )
  const listed = (await mine.json('key', 'list', '--instance', 'default')) as { id: string; state: string }[]
  const states = new Map(listed.map(({ id, state }) => [id, state]))
  assert.deepEqual(
    [states.size, states.get(left.nth(0).id), states.get(left.nth(1).id)],
    [11, 'Active', 'PreActive'],
  )

  const entries = (await mine.json('audit', 'list', '--action', 'key.adopt')) as {
    detail: { checked: string; from: string }
  }[]
  assert.equal(entries.length, 11)
  const from = left.fake.uri(left.rootKey).replace(/\/[^/]*$/, '')
  for (const { detail } of entries) assert.deepEqual([detail.checked, detail.from], ['old server', from])

  const again = await adopt(1, ...args)
  assert.deepEqual([again.adopted, again.unchanged], [0, 11])
})

test('without a proof the old service proves the ways first; too few keys prove none', async () => {
  await mine.json('instance', 'create', 'proving', '--custody', 'database')
  const report = await adopt(1, ...left.live(), '--instance', 'proving')
  // One key opens as the first way does and is another, so that way is contradicted. What was compared comes all the same.
  assert.deepEqual([report.adopted, found(report.notExported)], [11, [...ids(9, 11), unknownId].toSorted()])
  const other = await left.fake.rootKey()
  const { code, stderr } = await mine.cli(
    ...command,
    ...left.at(other),
    ...left.live(),
    '--instance',
    'proving',
  )
  assert.equal(code, 1)
  assert.match(stderr, /no way of wrapping is proved: of the first 14 standard keys/)
})

test('wrong usage and a proof of another root key are told in words', async () => {
  const other = await left.fake.rootKey()
  const noProof = path.join(left.folder, 'none.json')
  writeFileSync(noProof, '{}')
  for (const [args, code, told] of [
    [words(), 2, /--proof FILE, which adopt probe --proof wrote/],
    [words('--proof', proofFile, '--cert', left.client.certFile), 2, /belong to --kmip HOST/],
    [words('--proof', noProof), 1, /none\.json is no proof\n.*adopt probe --kmip HOST/],
    [
      [...command, ...left.at(other), '--proof', proofFile, '--instance', 'default'],
      1,
      /the proof is of another root key, .*\n.*adopt probe --proof FILE/,
    ],
  ] as const) {
    const answered = await mine.cli(...args)
    assert.equal(answered.code, code, answered.stderr)
    assert.match(answered.stderr, told)
  }
})

test('after the end the proof checks what it knows; the rest comes only if somebody says so', async () => {
  await left.old.stop()
  await mine.json('instance', 'create', 'after', '--custody', 'database')
  const into = ['--proof', proofFile, '--instance', 'after']
  const told = await mine.cli(...words(...into, '--dry-run'))
  assert.match(told.stderr, /No old service is asked: keys are checked with the proof alone/)
  assert.match(told.stdout, /Not checked: +0 adopted all the same, 3 not adopted/)

  const report = await adopt(1, ...into)
  assert.deepEqual([report.adopted, report.verified.equal, report.unchecked], [10, 10, 0])
  assert.deepEqual(found(report.notChecked), [...ids(10, 11), unknownId].toSorted())
  assert.equal(report.withoutAttributes.count, 10)
  assert.match(report.withoutAttributes.items[0]?.why ?? '', /state \(taken as Active\), dates, names/)
  const here = await bytesHere('after', ids(0, 4, 8, 12))
  const there = ids(0, 4, 8, 12).map((id) => left.keys.find((key) => key.id === id)?.material)
  assert.deepEqual(here, there)
  const listed = (await mine.json('key', 'list', '--instance', 'after')) as {
    state: string
    lengthBits: number
  }[]
  assert.ok(listed.every(({ state }) => state === 'Active'))

  const unchecked = await mine.cli(...words(...into, '--unchecked'))
  assert.match(unchecked.stdout, /\n\nNot everything is here: see the lists above\.\nKeep the standard keys/)
  assert.match(unchecked.stderr, /nothing shows that they are the keys that vSphere/)
  const rest = await adopt(1, ...into, '--unchecked')
  assert.deepEqual([rest.adopted, rest.unchanged, rest.unchecked, rest.notChecked.count], [0, 13, 3, 0])
  const entries = (await mine.json('audit', 'list', '--instance', 'after', '--action', 'key.adopt')) as {
    detail: { checked: string }
  }[]
  const counts = (wanted: string) => entries.filter(({ detail }) => detail.checked === wanted).length
  assert.deepEqual([counts('proof'), counts('nothing')], [10, 3])
  // What the old service gave before stays as it was, though nobody knows the state any more.
  const late = await adopt(1, '--proof', proofFile, '--unchecked')
  assert.deepEqual([late.adopted, late.unchanged, late.conflicts.count], [2, 11, 0])
  const stays = (await mine.json('key', 'show', left.nth(1).id, '--instance', 'default')) as { state: string }
  assert.equal(stays.state, 'PreActive')
})
