// The pool that runs the test files (scripts/tests/pool.ts): whatever becomes of a file, it is counted, named and does not
// keep the others from running.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { runPool } from '../scripts/tests/pool.ts'
import type { FileResult } from '../scripts/tests/process.ts'

const begin = `import { after, test } from 'node:test'\n`

/** Runs files of these texts one after the other. */
async function outcomes(
  t: TestContext,
  texts: readonly string[],
  { ownProcess = false, mayWait = false, fileLimitMs = 60_000 } = {},
): Promise<readonly FileResult[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-test-pool-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const list = texts.map((text, i) => {
    const file = path.join(folder, `${i}.test.mjs`)
    writeFileSync(file, begin + text)
    return { file, ownProcess, mayWait }
  })
  const results: FileResult[] = []
  const onResult = (_: string, result: FileResult) => void results.push(result)
  await runPool(list, { cwd: folder, processes: 1, fileLimitMs, colors: false, onResult })
  return results
}

function pidOf(result: FileResult | undefined): string | undefined {
  return /✔ (\d+)/.exec(result?.text ?? '')?.[1]
}

function counts(results: readonly FileResult[]) {
  return results.map(({ passed, failed, skipped }) => [passed, failed, skipped.length])
}

test('passes, failures and skips are counted, each file has its own hooks, and failures have their reason', async (t) => {
  const pid = `test(String(process.pid), () => {})`
  const results = await outcomes(t, [
    `after(() => process.stdout.write('after the first'))
     test('good', () => {}); test('bad', () => { throw new Error('because') }); test('left', { skip: 'no need' }, () => {})
     ${pid}`,
    `test('the other', () => {}); ${pid}`,
  ])
  assert.deepEqual(counts(results), [
    [2, 1, 1],
    [2, 0, 0],
  ])
  const [first, second] = results
  assert.deepEqual(first?.skipped, [{ name: 'left', reason: 'no need' }])
  assert.match(first?.failures ?? '', /0\.test\.mjs:\d+:\d+[^]*bad[^]*Error: because/)
  assert.match(first?.text ?? '', /after the first/)
  assert.doesNotMatch(first?.text ?? '', /because/)
  assert.equal(pidOf(first), pidOf(second), 'they shared a process')
})

test('a file fails that throws while it is loaded, sets the exit code or throws after its tests', async (t) => {
  const results = await outcomes(t, [
    `test('fine', () => {}); await 1; throw new Error('at load')`,
    `test('fine', () => { process.exitCode = 3 })`,
    `test('fine', () => { setTimeout(() => { throw new Error('late') }, 5) })`,
    `test('fine', () => {})`,
  ])
  assert.deepEqual(counts(results), [
    [1, 1, 0],
    [1, 1, 0],
    [1, 1, 0],
    [1, 0, 0],
  ])
  assert.match(results[0]?.failures ?? '', /at load/)
  assert.match(results[1]?.failures ?? '', /exit code 3/)
})

test('a process that dies fails its file, and the next file has a new one', async (t) => {
  const texts = [
    `test('dies', async () => { await new Promise(setImmediate); process.kill(process.pid, 'SIGKILL') })`,
    `test('fine', () => {})`,
  ]
  const results = await outcomes(t, texts)
  assert.deepEqual(counts(results), [
    [0, 1, 0],
    [1, 0, 0],
  ])
  assert.match(results[0]?.failures ?? '', /ended with SIGKILL, during: dies/)
})

test('a file that does not end fails with the test that hangs', async (t) => {
  const texts = [
    `test('hangs', () => new Promise(() => setInterval(() => {}, 1000)))`,
    `test('fine', () => {})`,
  ]
  const results = await outcomes(t, texts, { fileLimitMs: 4000 })
  assert.deepEqual(counts(results), [
    [0, 1, 0],
    [1, 0, 0],
  ])
  assert.match(results[0]?.failures ?? '', /did not end within[^]*during: hangs/)
})

test('a file has a process of its own where it asks for one', async (t) => {
  const results = await outcomes(t, ['process.alone = 1', `test(String(process.alone), () => {})`], {
    ownProcess: true,
  })
  assert.match(results[1]?.text ?? '', /✔ undefined/)
})

test('a file that waits for its own test while it is loaded fails at once, unless it may wait', async (t) => {
  const texts = [
    `await new Promise((resolve) => test('starts', resolve)); test('goes on', () => {})`,
    `test('fine', () => {})`,
  ]
  const results = await outcomes(t, texts)
  assert.deepEqual(counts(results), [
    [0, 1, 0],
    [1, 0, 0],
  ])
  assert.match(results[0]?.failures ?? '', /waits while it is loaded/)
  assert.deepEqual(counts(await outcomes(t, texts, { mayWait: true, ownProcess: true })), [
    [2, 0, 0],
    [1, 0, 0],
  ])
})

test('a file that may wait fails as any other, and what it wrote is told', async (t) => {
  const results = await outcomes(
    t,
    [
      `test('fine', () => {}); await 1; throw new Error('at load')`,
      `test('fine', () => { process.exitCode = 3 })`,
      `test('fine', () => { setTimeout(() => { throw new Error('late') }, 5) })`,
      `test('bad', () => { throw new Error('because') }); test('left', { skip: 'no need' }, () => {})`,
      `test('dies', async () => { await new Promise(setImmediate); process.kill(process.pid, 'SIGKILL') })`,
    ],
    { mayWait: true, ownProcess: true },
  )
  assert.deepEqual(counts(results), [
    [1, 1, 0],
    [1, 1, 0],
    [1, 1, 0],
    [0, 1, 1],
    [0, 1, 0],
  ])
  assert.match(results[0]?.text ?? '', /at load/)
  assert.match(results[3]?.failures ?? '', /because/)
})

test('tests that are registered after an await of an earlier file’s promise are run, with their place', async (t) => {
  const shared = `await (globalThis.shared ??= new Promise((resolve) => setTimeout(resolve, 5)))\n`
  const more = `suite('group', () => { before(() => {}); test('inner', () => {}) })\n`
  const results = await outcomes(t, [
    `test('one', () => {})\n${shared}test('two', () => {})`,
    `import { before, suite } from 'node:test'\ntest('one', () => {})\n${shared}test('two', () => {})\n${more}test('bad', () => { throw 1 })`,
    `test('waits', () => {}); test('nests', () => { test('inner', () => {}) })`,
  ])
  assert.deepEqual(counts(results), [
    [2, 0, 0],
    [3, 1, 0],
    [1, 1, 0],
  ])
  assert.match(results[1]?.failures ?? '', /1\.test\.mjs:7:1\n✖ bad/)
  assert.match(results[2]?.failures ?? '', /within a test, use its context/)
})
