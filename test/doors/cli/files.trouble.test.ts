// Files that cannot be written whole: a disk that is full, and a folder of somebody else. A limit on the size of files stands for the full disk: a write that
// crosses it is cut short, and the next one fails. Each case runs in a child, which bears the limit.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'

const files = path.resolve(import.meta.dirname, '../../../src/doors/cli/files.ts')

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-trouble-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What the lines of a script say, which end with the message of what they throw. They find the exports of files.ts in `files`, and name files in the folder. */
function said(folder: string, lines: string, limit = 'unlimited'): string {
  const script = `import * as files from ${JSON.stringify(files)}
    try { ${lines} } catch (error) { console.log(error.constructor.name, error.message) }`
  const node = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '-e',
    script,
  ]
  const env = { PATH: process.env['PATH'] }
  return execFileSync('sh', ['-c', `ulimit -f ${limit}; exec "$@"`, 'sh', ...node], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
}

const long = "'x'.repeat(100_000)"

test('a last line that the disk takes only in part is not taken for written', (t) => {
  const folder = folderOf(t)
  const script = `console.log(await files.writeLines({}, 'log', (async function* () { yield ${long} })(), false))`
  assert.equal(said(folder, script), '1\n')
  rmSync(path.join(folder, 'log'))
  assert.match(said(folder, script, '8'), /^CommandError log: EFBIG/)
  assert.deepEqual(readdirSync(folder), [])
})

test('a secret that could not be written leaves no part of a file that the next try would find in its place', (t) => {
  const folder = folderOf(t)
  for (const force of [false, true]) {
    const script = `await files.writeFile('key', ${long}, { mode: 0o600, force: ${String(force)} })`
    assert.match(said(folder, script, '8'), /^CommandError key: EFBIG/)
    assert.deepEqual(readdirSync(folder), [])
  }
  writeFileSync(path.join(folder, 'key'), 'old')
  assert.match(
    said(folder, "await files.writeFile('key', 'new', { mode: 0o600, force: false })"),
    /exists already/,
  )
  assert.deepEqual(readdirSync(folder), ['key'], 'what was there before stays')
})

test('a folder that this user may not write to is refused before anything is done', (t) => {
  const folder = folderOf(t)
  chmodSync(folder, 0o755)
  mkdirSync(path.join(folder, 'of others'), { mode: 0o555 })
  const script = `if (process.getuid() === 0) process.setuid(65534)
    await files.mustBeFree(['of others/token'], false)`
  assert.match(said(folder, script), /^CommandError of others\/token: this user may not write it/)
})
