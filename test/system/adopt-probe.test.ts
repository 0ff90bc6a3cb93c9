// `mortise adopt probe` against a Key Protect that holds keys as another service may have stored them: which can be rescued
// with the root key alone, with and without the old service, and that it only reads.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ProbeReport } from '../../src/features/adopt/probe.ts'
import { LeftKeys } from './left-keys.ts'
import { runCli } from '../support/server/server.ts'

let left: LeftKeys

before(async () => {
  left = await LeftKeys.start(7)
})
after(() => left[Symbol.asyncDispose]())

/** Not every key is proved to open: it ends with 4. */
async function probe(...more: readonly string[]): Promise<ProbeReport> {
  const { code, stdout, stderr } = await runCli(['adopt', 'probe', ...left.at(), ...more, '--json'], left.env)
  assert.equal(code, 4, stderr)
  left.showsNoKey(`${stdout}${stderr}`)
  return JSON.parse(stdout) as ProbeReport
}

test('without standard keys it says where to look', async () => {
  const { code, stdout } = await runCli(['adopt', 'probe', ...left.at()], left.env)
  assert.equal(code, 3)
  assert.match(stdout, /No standard key has a name that begins with vmware_kmip/)
})

test('keys in three ways are found to open, one in none, and each verdict rests on the old service', async () => {
  for (const at of [0, 1, 2]) await left.storeText(left.nth(at).id, left.nth(at).material)
  await left.storeBytes(left.nth(3).id, left.nth(3).material)
  await left.storeJson(left.nth(4).id, left.nth(4).material)
  // Nobody opens it.
  await left.store(left.nth(5).id, Buffer.from(await left.wrapped(left.nth(5).material, ['something else'])))
  // It opens to other bytes.
  await left.storeText(left.nth(6).id, Buffer.alloc(32, 1))
  // The old service does not know it.
  await left.storeText('0a0a0a0a-0000-4000-8000-000000000000', Buffer.alloc(32, 2))

  await left.fake.forgetCalls()
  const report = await probe(...left.live())
  const found = (id: string) => report.keys.find((key) => key.id === id)
  const verdicts = left.keys.map(({ id }) => [found(id)?.way ?? null, found(id)?.rescuable])
  assert.deepEqual(verdicts, [
    ['text, aad none', 'yes'],
    ['text, aad none', 'yes'],
    ['text, aad none', 'yes'],
    ['base64, aad identifier', 'yes'],
    ['json, aad instance', 'yes'],
    [null, 'no'],
    ['text, aad none', 'no'],
  ])
  assert.equal(found('0a0a0a0a-0000-4000-8000-000000000000')?.rescuable, 'unknown')
  assert.deepEqual([report.yes, report.no, report.unknown, report.rescuable], [5, 2, 1, 'unknown'])
  assert.deepEqual(report.proved, [], 'the way that opens to other bytes proves nothing')
  const calls = new Set((await left.fake.calls()).map(({ call }) => call))
  for (const call of calls)
    assert.ok(['token', 'metadata', 'list', 'search', 'get', 'unwrap'].includes(call), `${call} only reads`)
})

test('without the old service what opens stays unknown, and the text says what to do next', async () => {
  const report = await probe()
  assert.deepEqual([report.yes, report.no, report.unknown, report.compared], [0, 1, 7, false])
  const { stdout } = await runCli(['adopt', 'probe', ...left.at(), '--limit', '2'], left.env)
  assert.match(stdout, /Standard keys: +2, and there are more\n/)
  assert.match(stdout, /Nothing was compared\. .*--kmip HOST/)
  assert.match(stdout, /\nAdopt the keys from the old service itself .* --help\n$/)
})

test('some of the keys say nothing of all of them', async () => {
  await using few = await LeftKeys.start(4)
  for (const { id, material } of few.keys) await few.storeText(id, material)
  const look = async (...more: readonly string[]) =>
    runCli(['adopt', 'probe', ...few.at(), ...few.live(), ...more], few.env)
  const report = JSON.parse((await look('--limit', '3', '--json')).stdout) as ProbeReport
  assert.deepEqual([report.yes, report.keys.length, report.more, report.rescuable], [3, 3, true, 'unknown'])
  const { code, stdout } = await look('--limit', '3')
  assert.equal(code, 4)
  assert.match(stdout, /Standard keys: +3, and there are more/)
  assert.match(stdout, /Only some of the keys were looked at/)
  assert.doesNotMatch(stdout, /[Ee]very key opens/)
  const all = await look('--limit', '4')
  assert.match(all.stdout, /\nEvery key opens/)
  assert.equal(all.code, 0)
})

test('keys that no way opens end with 1', async () => {
  await using lost = await LeftKeys.start(1)
  const { id, material } = lost.nth(0)
  await lost.store(id, Buffer.from(await lost.wrapped(material, ['something else'])))
  const { code, stdout } = await runCli(['adopt', 'probe', ...lost.at(), ...lost.live(), '--json'], lost.env)
  assert.equal((JSON.parse(stdout) as ProbeReport).rescuable, 'no')
  assert.equal(code, 1)
})

test('wrong usage, a refused root key and an unknown server are told in words', async () => {
  const server = left.live().slice(0, -2)
  for (const [args, code, told] of [
    [[...left.at(), '--cert', left.client.certFile], 2, /belong to --kmip HOST/],
    [[...left.at(), ...server], 2, /how to recognize the old server/],
    [[...left.at(), '--limit', '0'], 2, /--limit takes a number above 0/],
    [[...left.at(), '--proof', '/tmp/proof.json'], 2, /--proof needs --kmip HOST/],
    [left.at('0a0a0a0a-0000-4000-8000-000000000000'), 1, /has no key/],
    [[...left.at(), ...server, '--fingerprint', 'ab'.repeat(32)], 1, /the server has another certificate/],
  ] as const) {
    const answered = await runCli(['adopt', 'probe', ...args], left.env)
    assert.equal(answered.code, code, answered.stderr)
    assert.match(answered.stderr, told)
  }
})
