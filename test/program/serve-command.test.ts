// What a person reads once the server serves: where it is, and what to do next.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { runCommand } from '../../src/program/cli.ts'
import { welcome } from '../../src/program/serve-command.ts'
import type { Started } from '../../src/program/run-server.ts'
import { makeWorld } from '../../src/program/world.ts'
import { useStoredRsaKeys } from '../support/certificates/rsa-keys.ts'
import { threadsHere } from '../support/store/threads-here.ts'

const started: Started = {
  kmip: '[::]:5696',
  kmipHttps: null,
  admin: 'https://127.0.0.1:5697',
  serverCertSha256: 'ab'.repeat(32),
  clients: 0,
  isUnused: false,
  hasConsole: true,
  dataFolder: '/var/lib/mortise',
  warnings: [],
}

test('it names the addresses, the fingerprint and the next commands, with the folder that they need', () => {
  const text = welcome({ ...started, kmipHttps: 'https://kms-1:5698', warnings: ['look out'] }, 'mortise')
  assert.match(text, /KMIP {4}\[::\]:5696\n {2}HTTPS {3}https:\/\/kms-1:5698\/kmip\n {2}Admin {3}https:/)
  assert.match(text, /(?:AB:){31}AB/)
  assert.match(text, /Warning: look out/)
  assert.match(text, /mortise client pending --data \/var\/lib\/mortise/)
  const spaced = welcome({ ...started, dataFolder: '/srv/key server' }, 'mortise')
  assert.match(spaced, /mortise client pending --data '\/srv\/key server'\n/)
  assert.doesNotMatch(text, /admin-token/)
  const unused = welcome({ ...started, isUnused: true }, 'mortise')
  assert.match(unused, /No client is trusted yet\. .* token is in \/var\/lib\/mortise\/admin-token/)
  assert.doesNotMatch(unused, /new/, 'one that was restarted, or another node, is not')
})

test('it names the console where there is one', () => {
  assert.match(welcome(started, 'mortise'), /In a browser: https:\/\/127\.0\.0\.1:5697\/ /)
  assert.doesNotMatch(welcome({ ...started, hasConsole: false }, 'mortise'), /browser/)
})

test('how to add vCenter is told at length until a client is trusted, and in a line afterwards', () => {
  assert.match(
    welcome(started, 'mortise'),
    /\nNext, in vCenter: .*\n.*port 5696[^]*client trust --name vcenter-1/,
  )
  const used = welcome({ ...started, clients: 2 }, 'mortise')
  assert.match(
    used,
    /\n2 clients are trusted\. How the server is: mortise status --data \/var\/lib\/mortise\n/,
  )
  assert.match(used, /\nAnother vCenter: .*Add Standard Key Provider.*port 5696.*client pending --data/)
  assert.doesNotMatch(used, /client trust/)
  assert.match(welcome({ ...started, clients: 1 }, 'mortise'), /\n1 client is trusted/)
})

test('the welcome is the first that a new server says, and its checkpoints come into the log after it', async (t) => {
  useStoredRsaKeys()
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-welcome-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const toldToEnd = Promise.withResolvers<string>()
  const said: string[] = []
  const world = makeWorld({
    stdin: Readable.from([]),
    stdout: { write: (text) => (said.push(String(text)), toldToEnd.resolve('SIGTERM')) },
    stderr: { write: (text) => said.push(text) },
    env: {},
    writeLog: (line) => said.push(line),
    whenServing: () => toldToEnd.promise,
    threads: threadsHere,
    enterFips: () => assert.fail('no FIPS mode here'),
  })
  const free = ['--kmip', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  assert.equal(await runCommand(['serve', '--data', folder, ...free], world), 0)
  assert.match(said[0] ?? '', /^\nMortise serves\./)
  assert.ok(said.slice(1).some((line) => /"checkpoint":\{"number":1,/.test(line)))
})
