// The check of a list of contents against a database of vulnerabilities, with a server that answers as OSV does: pages, errors, and
// answers that do not belong to the questions.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'

interface Query {
  readonly package: { readonly purl: string }
  readonly page_token?: string
}

const root = path.join(import.meta.dirname, '..')

test('what is known of a component is named, page after page, and fails the check', async (t) => {
  const asked: Query[] = []
  const { code, stdout } = await check(t, (queries) => {
    asked.push(...queries)
    return {
      results: queries.map((query) => {
        if (!query.package.purl.includes('hono')) return {}
        return query.page_token === undefined
          ? { vulns: [{ id: 'GHSA-1' }], next_page_token: 'more' }
          : { vulns: [{ id: 'GHSA-2' }] }
      }),
    }
  })
  assert.equal(code, 1)
  assert.match(
    stdout,
    /^GHSA-1 {2}pkg:npm\/hono@4\.0\.0\nGHSA-2 {2}pkg:npm\/hono@4\.0\.0\n2 components, 2 known vulnerabilities, 2 not excused\n$/,
  )
  // Neither qualifiers nor places within the package leave the machine.
  assert.deepEqual(
    asked.map((query) => query.package.purl),
    ['pkg:deb/debian/libc6@2.41-12', 'pkg:npm/hono@4.0.0', 'pkg:npm/hono@4.0.0'],
  )
})

test('nothing known is a pass', async (t) => {
  const { code, stdout } = await check(t, (queries) => ({ results: queries.map(() => ({})) }))
  assert.equal(code, 0)
  assert.equal(stdout, '2 components, 0 known vulnerabilities, 0 not excused\n')
})

test('an answer that is an error, or that answers less than was asked, is no pass', async (t) => {
  const refused = await check(t, () => null)
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /answered 500: broken/)
  const short = await check(t, () => ({ results: [{}] }))
  assert.notEqual(short.code, 0)
  assert.match(short.stderr, /answered 1 of 2 questions/)
})

/** Runs the script on a list of two components. `answer`: null for an error. */
async function check(
  t: TestContext,
  answer: (queries: readonly Query[]) => object | null,
): Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-osv-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'list.cdx.json')
  const components = [
    { purl: 'pkg:npm/hono@4.0.0#node_modules/hono' },
    { purl: 'pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13' },
    { name: 'a file without a purl' },
  ]
  writeFileSync(file, JSON.stringify({ components }))
  const server: Server = createServer((request, response) => {
    const respond = async (): Promise<void> => {
      const said = answer(((await json(request)) as { readonly queries: readonly Query[] }).queries)
      response.writeHead(said === null ? 500 : 200).end(said === null ? 'broken' : JSON.stringify(said))
    }
    void respond()
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const database = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; stdout: string; stderr: string }>()
  const words = [
    '--disable-warning=ExperimentalWarning',
    'scripts/vulnerabilities.ts',
    '--database',
    database,
    file,
  ]
  execFile(process.execPath, words, { cwd: root }, (error, stdout, stderr) =>
    resolve({ code: error?.code ?? 0, stdout, stderr }),
  )
  return promise
}
