// Profiles of the command line: read from the user's folder, with every mistake named.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { ConfigError, readConfig } from '../../../src/outside/config/config.ts'
import {
  pagerProgram,
  readClientEnvironment,
  userConfigFolder,
} from '../../../src/outside/config/environment.ts'
import { readProfile } from '../../../src/outside/config/profiles.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-profiles-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function wrong(toml: string, message: RegExp): void {
  writeFileSync(path.join(folder, 'config.toml'), toml)
  assert.throws(
    () => readProfile('prod', folder),
    (error) => error instanceof ConfigError && message.test(error.message),
  )
}

test('a profile says address, token and certificate; paths begin at its folder or at home', () => {
  writeFileSync(
    path.join(folder, 'config.toml'),
    `[profile.prod]
admin = "https://kms.example.com:5697"
token-file = "prod.token"
admin-ca = "~/kms-ca.pem"

[profile.lab]
admin = "https://lab:5697"
token-file = "/etc/lab.token"
admin-fingerprint = "AA:BB"
`,
  )
  assert.deepEqual(readProfile('prod', folder), {
    admin: 'https://kms.example.com:5697',
    tokenFile: path.join(folder, 'prod.token'),
    adminCa: path.join(homedir(), 'kms-ca.pem'),
  })
  assert.deepEqual(readProfile('lab', folder), {
    admin: 'https://lab:5697',
    tokenFile: '/etc/lab.token',
    adminFingerprint: 'AA:BB',
  })
})

test('mistakes are named, with what may be meant', () => {
  wrong('[profile.prd]\nadmin = "https://x"\n', /no profile prod; did you mean `prd`\?/)
  wrong('[profile.lab]\nadmin = "https://x"\n', /no profile prod$/)
  wrong('', /no profile prod$/)
  wrong(
    '[profile.prod]\nadmin = "https://x"\ntoken_file = "t"\n',
    /no key "token_file"; did you mean `token-file`/,
  )
  wrong('[profile.prod]\ntoken-file = "t"\n', /profile prod: admin: /)
  wrong(
    '[profile.prod]\nadmin = "https://x"\nadmin-ca = "a"\nadmin-fingerprint = "b"\n',
    /admin-ca or admin-fingerprint, not both/,
  )
  wrong('[profile.prod\n', /config\.toml: line 1: /)
  wrong('profile = 3\n', /\[profile\.NAME\]/)
  rmSync(path.join(folder, 'config.toml'))
  assert.throws(() => readProfile('prod', folder), /profiles are in .*config\.toml, which does not exist$/)
  mkdirSync(path.join(folder, 'config.toml'))
  assert.throws(() => readProfile('prod', folder), /config\.toml: this is a folder$/)
  rmSync(path.join(folder, 'config.toml'), { recursive: true })
})

test('the folder is that of the user, as XDG says', () => {
  assert.equal(userConfigFolder({ XDG_CONFIG_HOME: '/x/y' }), '/x/y/mortise')
  for (const env of [{}, { XDG_CONFIG_HOME: '' }, { XDG_CONFIG_HOME: 'relative' }])
    assert.equal(userConfigFolder(env), path.join(homedir(), '.config/mortise'))
})

const chosen = (env: Record<string, string>) => pagerProgram(env)?.command

test('the pager is that of MORTISE_PAGER, of PAGER, or less, which can start no shell', () => {
  assert.equal(chosen({ MORTISE_PAGER: 'more', PAGER: 'less' }), 'more')
  assert.equal(chosen({ PAGER: 'less -S' }), 'less -S')
  assert.match(chosen({ TERM: 'xterm' }) ?? '', /exec less -FRX$/)
  for (const none of [{ MORTISE_PAGER: '', PAGER: 'less' }, { MORTISE_PAGER: 'cat' }, { PAGER: ' ' }])
    assert.equal(chosen({ TERM: 'xterm', ...none }), undefined)
  for (const noPages of [{}, { TERM: 'dumb' }] as const) assert.equal(chosen(noPages), undefined)
  const { env } = pagerProgram({ MORTISE_TOKEN_FILE: 't', PAGER: 'less', HOME: '/h' }) ?? {}
  assert.deepEqual(env, { PAGER: 'less', HOME: '/h', LESS: 'FRX', LESSSECURE: '1' })
  assert.equal(readConfig({}, { MORTISE_PAGER: 'less' }).log.level, 'info')
})

test('the variables of the command line are known, and empty ones are not set', () => {
  const env = { MORTISE_PROFILE: 'prod', MORTISE_ADMIN_URL: '', MORTISE_TOKEN_FILE: 't' }
  assert.deepEqual(readClientEnvironment(env), { profile: 'prod', tokenFile: 't' })
  assert.equal(readConfig({}, {}, env).log.level, 'info')
  assert.throws(() => readConfig({}, {}, { MORTISE_ADMIN_ULR: 'x' }), /nearest is MORTISE_ADMIN_URL/)
})
