// What a person reads once the server serves: where it is, and what to do next.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { welcome } from '../../src/cli/serve.ts'
import type { Started } from '../../src/cli/world.ts'

const started: Started = {
  kmip: '[::]:5696',
  kmipHttps: null,
  admin: 'https://127.0.0.1:5697',
  serverCertSha256: 'ab'.repeat(32),
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
