// The command line against the real server, as a person or a script would use it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { clientCertificate, testVmca } from '../../support/certificates/certificates.ts'
import { command } from '../../support/server/command.ts'
import { spawnCli, startServer, type CommandResult, type TestServer } from '../../support/server/server.ts'

let server: TestServer
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-cli-'))
const inFolder = (name: string): string => path.join(folder, name)
before(async () => {
  server = await startServer()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const cli = (...words: string[]): Promise<CommandResult> => command(words, { data: server.data })

async function json(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await cli(...words, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

function fails(result: CommandResult, code: number, stderr: RegExp): void {
  assert.equal(result.code, code, result.stdout + result.stderr)
  assert.match(result.stderr, stderr)
  assert.equal(result.stdout, '')
}

test('what is wrong with the configuration ends with 2 and is named', async () => {
  fails(
    await spawnCli(['key', 'list'], { MORTISE_DTA: '/tmp' }),
    2,
    /MORTISE_DTA; the nearest is MORTISE_DATA/,
  )
  fails(await spawnCli(['serve', '--kmip', 'nowhere']), 2, /--kmip: .*HOST:PORT/)
  fails(await spawnCli(['serve', '--config', inFolder('none.toml')]), 2, /none\.toml/)
})

test('a mortise.toml in this folder that MORTISE_CONFIG takes the place of is not read, and that is said once', () => {
  writeFileSync(inFolder('mortise.toml'), 'no TOML at all')
  const named = inFolder('named.toml')
  writeFileSync(named, `[server]\ndata = ${JSON.stringify(server.data)}\n`)
  const main = path.resolve(import.meta.dirname, '../../../src/program/main.ts')
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    MORTISE_CONFIG: named,
  }
  const words = [main, 'instance', 'list', '--json']
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  assert.equal((JSON.parse(stdout) as unknown[]).length, 1)
  assert.equal(
    stderr.match(/mortise: mortise\.toml in this folder is not read: .*named\.toml/g)?.length,
    1,
    stderr,
  )
})

test('without a server it is said how to start or find one', async () => {
  fails(
    await spawnCli(['key', 'list', '--data', folder]),
    1,
    /no server has left its address in .*mortise serve/s,
  )
  writeFileSync(inFolder('admin-address'), 'https://127.0.0.1:1\n')
  writeFileSync(inFolder('admin-token'), 'x\n')
  writeFileSync(inFolder('admin-ca.pem'), (await testVmca()).certificate.pem)
  fails(await spawnCli(['key', 'list'], { MORTISE_DATA: folder }), 1, /not running.*mortise serve/)
})

test('instances are listed and shown', async () => {
  const [instance] = (await json('instance', 'list')) as [{ name: string; id: string }]
  assert.equal(instance.name, 'default')
  const shown = (await json('instance', 'show', instance.id)) as { name: string; objects: object }
  assert.equal(shown.name, 'default')
  assert.match((await cli('instance', 'list')).stdout, /^NAME +ID .*\ndefault +/)
  fails(await cli('instance', 'show', 'prod'), 1, /there is no instance prod\n.*mortise instance list/)
  const asJson = await cli('instance', 'show', 'prod', '--json')
  assert.equal(asJson.code, 1)
  const { error } = JSON.parse(asJson.stderr) as { error: { code: string } }
  assert.equal(error.code, 'not-found')
})

test('a certificate is trusted from a file and from standard input, and next steps are told', async () => {
  const { certificate } = await clientCertificate('self-signed')
  writeFileSync(inFolder('vc.pem'), certificate.pem)
  const trusted = await cli(
    'client',
    'trust',
    '--instance',
    'default',
    '--name',
    'vc1',
    '--cert',
    inFolder('vc.pem'),
  )
  assert.equal(trusted.code, 0, trusted.stderr)
  assert.match(trusted.stdout, /Trusted as vc1 in default/)
  assert.match(trusted.stdout, /Now in vCenter/)
  const other = (await clientCertificate('self-signed-other')).certificate
  const args = ['client', 'trust', '--name', 'vc2', '--cert', '-', '--json', '--data', server.data]
  const fromInput = await spawnCli(args, {}, other.pem)
  const shown = JSON.parse(fromInput.stdout) as { id: string; name: string; sha256: string }
  assert.deepEqual([shown.name, shown.sha256], ['vc2', other.sha256])
  writeFileSync(inFolder('vc.der'), (await clientCertificate('ecdsa')).certificate.der)
  assert.equal((await cli('client', 'trust', '--name', 'der', '--cert', inFolder('vc.der'))).code, 0)
  const names = ((await json('client', 'list')) as { name: string }[]).map(({ name }) => name)
  assert.deepEqual(names.toSorted(), ['der', 'vc1', 'vc2'])
})

test('a wrong paste is told apart', async () => {
  const trust = async (name: string, text: string) => {
    writeFileSync(inFolder(name), text)
    return cli('client', 'trust', '--name', 'x', '--cert', inFolder(name))
  }
  const { request, privateKey } = await makeRequest({ commonName: 'x' })
  fails(await trust('request.pem', request), 1, /request/)
  const key = await trust('key.pem', privateKey.toString())
  fails(key, 1, /private key/)
  assert.doesNotMatch(key.stderr, /PRIVATE KEY-|MII/)
  fails(await trust('page.pem', '<html>'), 1, /mortise: ./)
  fails(await cli('client', 'trust', '--name', 'x', '--cert', inFolder('none.pem')), 1, /there is no file/)
})

test('a CA is trusted with a pattern', async () => {
  writeFileSync(inFolder('vmca.pem'), (await testVmca()).certificate.pem)
  const args = ['client', 'trust', '--name', 'hosts', '--ca', inFolder('vmca.pem')]
  const { code, stdout } = await cli(...args, '--subject', 'esx*')
  assert.equal(code, 0)
  assert.match(stdout, /signed by .* whose subject fits esx\*/)
  fails(await cli(...args, '--subject', 'e*'), 1, /overlap/)
})

test('an issued pair is made here: a key of mode 0600 that the server never saw, and nothing is overwritten', async () => {
  const out = inFolder('issued')
  const shown = (await json('client', 'issue', '--name', 'vc3', '--out', out)) as { sha256: string }
  const certificate = parseCertificate(readFileSync(path.join(out, 'client.pem')))
  assert.equal(shown.sha256, certificate.sha256)
  assert.equal(certificate.commonName, 'vc3')
  assert.equal(statSync(path.join(out, 'client.key')).mode & 0o777, 0o600)
  assert.match(readFileSync(path.join(out, 'client.key'), 'utf8'), /^-----BEGIN PRIVATE KEY-----/)
  assert(parseCertificate(readFileSync(path.join(out, 'ca.pem'))).isCa)
  fails(await cli('client', 'issue', '--name', 'vc3', '--out', out), 1, /exists already/)
  const refused = await cli('client', 'issue', '--instance', 'no', '--name', 'v', '--out', inFolder('no'))
  fails(refused, 1, /there is no instance no/)
  assert.equal(existsSync(inFolder('no/client.key')), false)
})

test('a request is signed to a file and to standard output', async () => {
  writeFileSync(inFolder('vc4.csr'), (await makeRequest({ commonName: 'vc4' })).request)
  const args = ['client', 'sign', '--name', 'vc4', '--csr', inFolder('vc4.csr'), '--out']
  assert.equal((await cli(...args, inFolder('vc4.pem'))).code, 0)
  assert.equal(parseCertificate(readFileSync(inFolder('vc4.pem'))).commonName, 'vc4')
  const { stdout } = await cli(...args, '-')
  assert.equal(parseCertificate(stdout).commonName, 'vc4')
})

test('clients are blocked and removed', async () => {
  const sha256 = (await clientCertificate('self-signed')).certificate.sha256
  assert.match((await cli('client', 'block', sha256)).stdout, new RegExp(sha256))
  const cert = ['--cert', inFolder('vc.pem'), '--reason', 'stolen']
  assert.equal(((await json('client', 'block', ...cert)) as { sha256: string }).sha256, sha256)
  assert.match((await cli('client', 'remove', 'vc2')).stdout, /vc2 is not trusted any more/)
  fails(await cli('client', 'remove', 'vc2'), 1, /no client vc2/)
  assert.deepEqual(await json('client', 'pending'), [])
})

test('the server certificate is the one that the server said', async () => {
  const shown = (await json('server-cert', 'show')) as { sha256: string }
  assert.equal(shown.sha256, server.serverCertSha256)
  const { stdout } = await cli('server-cert', 'show')
  assert.match(stdout.replaceAll(':', ''), new RegExp(server.serverCertSha256, 'i'))
})

test('a remote server is found by address, token file, and CA or fingerprint', async () => {
  const at = ['--admin', server.admin, '--token-file', path.join(server.data, 'admin-token')]
  const ca = path.join(server.data, 'admin-ca.pem')
  assert.equal((await command(['instance', 'list', ...at, '--admin-ca', ca])).code, 0)
  const pinned = ['--admin-fingerprint', server.serverCertSha256.toUpperCase()]
  assert.equal((await command(['instance', 'list', ...at, ...pinned])).code, 0)
  fails(await command(['instance', 'list', ...at]), 1, /--admin-ca FILE|--admin-fingerprint/)
  fails(
    await command(['instance', 'list', ...at, '--admin-fingerprint', '0'.repeat(64)]),
    1,
    /another certificate/,
  )
  writeFileSync(inFolder('bad-token'), `mortise_${'x'.repeat(43)}\n`)
  const bad = ['--admin', server.admin, '--token-file', inFolder('bad-token'), '--admin-ca', ca]
  fails(await command(['instance', 'list', ...bad]), 1, /a valid token is needed/)
})

test('a second server on the same data or port says so', async () => {
  const { code, stderr } = await spawnCli([
    'serve',
    '--data',
    server.data,
    '--kmip',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
  ])
  assert.equal(code, 1)
  assert.match(stderr, /did not start: ./)
  const other = [
    'serve',
    '--data',
    inFolder('other'),
    '--kmip',
    `127.0.0.1:${server.kmip.port}`,
    '--admin',
    '127.0.0.1:0',
  ]
  const taken = await spawnCli(other)
  assert.equal(taken.code, 1)
  assert.match(taken.stderr, /Another program listens there/)
})
