// Which modules the server loads, and what it says of those that it cannot. With libraries that are no modules: what needs a token is
// in test/real/softhsm/.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { Pkcs11Tokens } from '../../../../src/outside/rootkey/pkcs11/tokens.ts'
import { parsePkcs11Uri } from '../../../../src/outside/rootkey/pkcs11/uri.ts'

import { MovableClock } from '../../../support/time/movable-clock.ts'
import { reaches } from '../../../support/root-keys/rootkey-contract.ts'

const dataFolder = mkdtempSync(path.join(tmpdir(), 'mortise-tokens-'))
const opened: Pkcs11Tokens[] = []
after(() => {
  for (const tokens of opened) tokens.close()
  rmSync(dataFolder, { recursive: true })
})

function open(modules: readonly string[], uri: string, ended: string[] = []) {
  const onEnded = ({ reason }: { readonly reason: string }) => void ended.push(reason)
  const clock = new MovableClock()
  const tokens = new Pkcs11Tokens({ modules, credentialsFolder: null, dataFolder, clock, onEnded })
  opened.push(tokens)
  return openRootKey(uri, { dataFolder, create: false, tokens })
}

const refused = (modules: readonly string[], query: string, why: RegExp) =>
  assert.rejects(open(modules, `pkcs11:token=t;object=k${query}`), reaches('root-key', why))

test('a module is loaded only if the configuration names it', async () => {
  await refused([], '', /names none.*MORTISE_PKCS11_MODULES/)
  await refused(['/a.so', '/b.so'], '', /names several/)
  await refused([], '?module-path=/a.so', /\/a\.so is not among .*\(none\)/)
  await refused(['/a.so'], '?module-path=/b.so', /\/b\.so is not among .*\(\/a\.so\)/)
  await refused(['/a.so'], '?module-path=/x/../a.so', /is not among/)
})

test('what is no module is an outage, in words, and so is a missing package', async () => {
  const isThere = await import('koffi').then(
    () => true,
    () => false,
  )
  const ended: string[] = []
  await assert.rejects(
    open(['/none.so'], 'pkcs11:token=t;object=k', ended),
    reaches(
      'unreachable',
      /^pkcs11:token=t: the module \/none\.so cannot be loaded: .*No such file|^pkcs11:token=t: .* need the package koffi/,
    ),
  )
  assert.deepEqual(ended, ['it did not start'])
  const [library] = globSync('/lib/*-linux-*/libc.so.6')
  if (isThere && library !== undefined)
    await assert.rejects(
      open([library], 'pkcs11:token=t;object=k'),
      reaches('unreachable', /cannot be loaded: .*C_GetFunctionList/),
    )
})

test('a URI without a key names no root key, and one with a missing PIN file is an outage', async () => {
  await assert.rejects(open(['/a.so'], 'pkcs11:token=t'), reaches('root-key', /names no key/))
  await assert.rejects(
    open(['/a.so'], 'pkcs11:token=t;object=k?pin-source=/none'),
    reaches('unreachable', /the PIN file \/none cannot be read/),
  )
})

test('who asks in the moment when a start fails begins no second process beside it', async () => {
  const ended: string[] = []
  const again: Promise<unknown>[] = []
  const uri = parsePkcs11Uri('pkcs11:token=t')
  const tokens = new Pkcs11Tokens({
    modules: ['/none.so'],
    credentialsFolder: null,
    dataFolder,
    clock: new MovableClock(),
    onEnded: ({ reason }) => {
      ended.push(reason)
      if (ended.length === 1) again.push(tokens.token(uri).call('list', null))
    },
  })
  opened.push(tokens)
  const first = tokens.token(uri).call('list', null)
  const failed = reaches('unreachable', /cannot be loaded|need the package koffi/)
  await assert.rejects(first, failed)
  await assert.rejects(again[0] ?? assert.fail(), failed)
  assert.deepEqual(ended, ['it did not start'])
})

test('a module that hangs while it is loaded does not hold up the end of the server', async () => {
  // A reader that opens it waits until somebody writes.
  const module = path.join(dataFolder, 'hangs.so')
  execFileSync('mkfifo', [module])
  const ended: string[] = []
  const uri = parsePkcs11Uri('pkcs11:token=t')
  const onEnded = ({ reason }: { readonly reason: string }) => void ended.push(reason)
  const place = { modules: [module], credentialsFolder: null, dataFolder, clock: new MovableClock() }
  const tokens = new Pkcs11Tokens({ ...place, onEnded })
  const call = tokens.token(uri).call('list', null)
  await setImmediate()
  tokens.close()
  await assert.rejects(call, reaches('unreachable', /the server ends/))
  assert.deepEqual(ended, [], 'nobody is told of the end of the server')
})
