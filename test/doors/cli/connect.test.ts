// Which server a command asks, and with which token: the command line beats the environment, that a profile that it names,
// and that the data folder.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { ClientEnvironment, Profile } from '../../../src/doors/cli/world.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { command } from '../../support/server/command.ts'

let door: TestDoor
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-connect-'))
const file = (name: string): string => path.join(folder, name)
/** An address where nobody listens, a token that counts nowhere. */
const nowhere = 'https://127.0.0.1:1'
const profiles: Record<string, Profile> = {}
before(async () => {
  door = await startDoor()
  await leaveDoor(door, folder)
  writeFileSync(file('viewer-token'), await door.token('viewer'))
  writeFileSync(file('bad-token'), 'mortise_none')
  const trust = { adminCa: file('admin-ca.pem') }
  profiles['good'] = { admin: door.url, tokenFile: file('viewer-token'), ...trust }
  profiles['gone'] = { admin: nowhere, tokenFile: file('viewer-token'), ...trust }
  profiles['tokenless'] = { admin: door.url, ...trust }
})
after(async () => {
  await door.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Row {
  readonly flags?: () => readonly string[]
  readonly environment?: () => ClientEnvironment
  readonly data?: string
}

const asked = async ({ flags, environment, data = '/nowhere' }: Row) =>
  command(['instance', 'list', '--json', ...(flags?.() ?? [])], {
    data: data === 'here' ? folder : data,
    environment: environment?.() ?? {},
    profiles,
  })

const reached: Readonly<Record<string, Row>> = {
  'the data folder': { data: 'here' },
  'a profile of the command line': { flags: () => ['--profile', 'good'] },
  'a profile of the environment': { environment: () => ({ profile: 'good' }) },
  'the environment': {
    flags: () => ['--admin-fingerprint', door.certificateSha256],
    environment: () => ({ admin: door.url, tokenFile: file('viewer-token') }),
  },
  'the environment before its profile': {
    flags: () => ['--admin-ca', file('admin-ca.pem')],
    environment: () => ({ admin: door.url, tokenFile: file('viewer-token'), profile: 'gone' }),
  },
  'the command line before the environment': {
    flags: () => [
      '--admin',
      door.url,
      '--token-file',
      file('viewer-token'),
      '--admin-ca',
      file('admin-ca.pem'),
    ],
    environment: () => ({ admin: nowhere, tokenFile: file('bad-token'), profile: 'gone' }),
  },
  'a profile of the command line before the environment': {
    flags: () => ['--profile', 'good'],
    environment: () => ({ admin: nowhere, tokenFile: file('bad-token'), profile: 'gone' }),
  },
  'a data folder of the command line before the environment': {
    flags: () => ['--data', folder],
    environment: () => ({ admin: nowhere, tokenFile: file('bad-token'), profile: 'gone' }),
  },
  'a fingerprint of the command line in place of the CA of a profile': {
    flags: () => ['--profile', 'good', '--admin-fingerprint', door.certificateSha256],
  },
  'a token of the environment with a profile that has none': {
    environment: () => ({ profile: 'tokenless', tokenFile: file('viewer-token') }),
  },
}
for (const [what, row] of Object.entries(reached))
  test(`a server is found by ${what}`, async () => {
    const { code, stdout, stderr } = await asked(row)
    assert.equal(code, 0, stderr)
    assert.equal((JSON.parse(stdout) as unknown[]).length, 2)
  })

const failing: Readonly<Record<string, readonly [code: number, stderr: RegExp, row: Row]>> = {
  'the environment beats the data folder': [
    1,
    /127\.0\.0\.1:1/,
    { data: 'here', environment: () => ({ admin: nowhere, tokenFile: file('viewer-token') }) },
  ],
  'so does its profile': [1, /127\.0\.0\.1:1/, { data: 'here', environment: () => ({ profile: 'gone' }) }],
  'a token of the environment takes the place of that in the data folder': [
    1,
    /unauthenticated/,
    { data: 'here', environment: () => ({ tokenFile: file('bad-token') }) },
  ],
  'so does one of the command line': [
    1,
    /unauthenticated/,
    { data: 'here', flags: () => ['--token-file', file('bad-token')] },
  ],
  "a profile's token goes to no other server": [
    2,
    /needs a token/,
    { flags: () => ['--admin', nowhere], environment: () => ({ profile: 'good' }) },
  ],
  'a profile without a token needs one': [2, /needs a token/, { flags: () => ['--profile', 'tokenless'] }],
  'an unknown profile is wrong usage': [2, /no profile goood/, { flags: () => ['--profile', 'goood'] }],
  'two servers are one too many': [
    2,
    /--admin or --profile, not both/,
    { flags: () => ['--admin', nowhere, '--profile', 'good'] },
  ],
}
for (const [what, [code, stderr, row]] of Object.entries(failing))
  test(what, async () => {
    const said = await asked(row)
    assert.equal(said.code, code, said.stderr)
    assert.match(said.stderr, stderr)
  })

test('an address that is none is said in words, whoever wrote it', async () => {
  for (const admin of ['https://127.0.0.1:99999', 'https://[::1', 'https:// x']) {
    const { code, stderr } = await asked({
      flags: () => ['--admin', admin, '--token-file', file('viewer-token')],
    })
    assert.equal(code, 2, stderr)
    assert.match(stderr, /has an address such as https/)
  }
  writeFileSync(file('binary-token'), Buffer.from('\ufffdm\0o', 'utf8'))
  const flags = () => ['--admin', door.url, '--token-file', file('binary-token')]
  assert.match((await asked({ flags })).stderr, /"message":"[^"]*binary-token holds no token"/)
  const damaged = mkdtempSync(path.join(folder, 'damaged-'))
  for (const name of ['admin-address', 'admin-ca.pem', 'admin-token'])
    writeFileSync(path.join(damaged, name), '')
  const left = await command(['status'], { data: damaged })
  assert.deepEqual([left.code, left.stdout], [1, ''])
  assert.match(left.stderr, /admin-address holds no address\n {2}The server writes it again/)
})
