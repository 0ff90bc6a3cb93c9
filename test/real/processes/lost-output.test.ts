// The program where its output goes nowhere: onto a full disk, which /dev/full plays, or into a pipe that nobody reads.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { runCli, serveArguments, startEmbedded } from '../../support/server/server.ts'

const serve = serveArguments('/nowhere')
/** How the program is called, without any words. */
const program = serve.slice(0, serve.indexOf('serve'))

/** A process of the program, with this redirection of the shell. */
function redirected(t: TestContext, redirection: string, ...words: string[]): ChildProcess {
  return inShell(t, `exec "$@" ${redirection}`, ...words)
}

function inShell(t: TestContext, script: string, ...words: string[]): ChildProcess {
  const child = spawn('sh', ['-c', script, 'sh', ...program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { stdout, stderr } = child
  assert.ok(stdout && stderr)
  const [out, err] = await Promise.all([text(stdout), text(stderr), once(child, 'close')])
  return { code: child.exitCode, stdout: out, stderr: err }
}

test('an answer that cannot be written is an error that says so, since the act was done', async (t) => {
  await using server = await startEmbedded()
  const words = ['token', 'create', '--role', 'viewer', '--name', 'lost', '--data', server.data]
  const { code, stderr } = await ended(redirected(t, '>/dev/full', ...words))
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^mortise: the answer cannot be written: ENOSPC.*\n {2}What the command did before stays done/,
  )
  const tokens = (await server.json('token', 'list')) as { name: string }[]
  assert.ok(tokens.some(({ name }) => name === 'lost'))
})

test('remarks that cannot be written change neither the answer nor the exit code', async (t) => {
  assert.equal((await ended(redirected(t, '2>/dev/full', 'statsu'))).code, 2)
  const { code, stdout } = await ended(redirected(t, '2>/dev/full', '--version'))
  assert.deepEqual({ code, isVersion: /^\d+\.\d+/.test(stdout) }, { code: 0, isVersion: true })
})

test('a server serves although nobody reads its welcome', { timeout: 60_000 }, async (t) => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-test-lost-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  for (const redirection of ['>/dev/full', '']) {
    const child = redirected(t, redirection, ...serveArguments(data).slice(program.length))
    assert.ok(child.stdout && child.stderr)
    child.stdout.destroy()
    const closed = once(child, 'close')
    const lines = createInterface({ input: child.stderr })
    for await (const line of lines) if (line.includes('"message":"serving"')) break
    child.stderr.resume()
    assert.equal((await runCli(['health', '--data', data])).code, 0)
    child.kill('SIGTERM')
    assert.deepEqual(await closed, [0, null])
  }
})

test('a token whose file cannot be written is named, so that somebody can revoke it', async (t) => {
  await using server = await startEmbedded()
  const out = path.join(server.data, 'lost.token')
  const words = ['token', 'create', '--role', 'viewer', '--name', 'lost', '--out', out, '--data', server.data]
  const { code, stdout, stderr } = await ended(inShell(t, 'ulimit -f 0; exec "$@"', ...words))
  assert.deepEqual([code, stdout], [1, ''])
  const [, id, data] = /its text is lost: \S.* token revoke (\S+) --data (\S+)\n$/.exec(stderr) ?? []
  assert.equal(data, server.data, 'it leads to the same server')
  const tokens = (await server.json('token', 'list')) as { id: string; name: string }[]
  assert.equal(tokens.find(({ name }) => name === 'lost')?.id, id)
  assert.equal(existsSync(out), false)
})

test('a client whose certificate cannot be written is named, since the server trusts it', async (t) => {
  await using server = await startEmbedded()
  const csr = path.join(server.data, 'client.csr')
  const { request } = await makeRequest({ commonName: 'lost one' })
  writeFileSync(csr, request)
  const out = path.join(server.data, 'lost.pem')
  const words = ['client', 'sign', '--name', 'lost one', '--csr', csr, '--out', out, '--data', server.data]
  const { code, stderr } = await ended(inShell(t, 'ulimit -f 0; exec "$@"', ...words))
  assert.equal(code, 1)
  const [, undo = ''] = /Take that back: \S.* (client remove .*)\n$/.exec(stderr) ?? []
  const [{ certificates }] = (await server.json('client', 'list')) as [{ certificates: { sha256: string }[] }]
  assert.equal(
    undo,
    `client remove 'lost one' --instance default --certificate ${certificates[0]?.sha256} --data ${server.data}`,
  )
})
