import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'smol-toml'
import { ConfigError, passedOver } from '../../../src/outside/config/config.ts'
import { environmentOfOthers, kubernetesVariables } from '../../../src/outside/config/environment.ts'
import { options } from '../../../src/outside/config/options.ts'
import { allOptions, features } from '../../../src/program/features.ts'
import { readConfig } from '../../support/server/config.ts'
import type { OptionTable } from '../../../src/base/option.ts'
import { programFolder } from '../../../src/base/program-files.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-config-'))
after(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const name = path.join(folder, 'mortise.toml')
  writeFileSync(name, text)
  return name
}

function refusal(flags: Record<string, string>, env: Record<string, string> = {}): string {
  try {
    readConfig(flags, env)
  } catch (error) {
    assert(error instanceof ConfigError)
    return error.message
  }
  return assert.fail('was accepted')
}

test('without file, variables and flags everything has its default', () => {
  const config = readConfig({}, {})
  assert.deepEqual(config.kmip.listen, { host: '::', port: 5696 })
  assert.deepEqual(config.admin.listen, { host: '127.0.0.1', port: 5697 })
  assert.equal(config.server.data, path.resolve('mortise-data'))
  assert.equal(config.server.rootKey, 'file:root.key')
  assert.equal(config.server.rootPassphraseFile, null)
  assert.equal(config.audit.reads, 'process')
})

test('a flag wins over a variable, and a variable over the file', () => {
  const config = file(
    '[kmip]\nlisten = "127.0.0.1:1"\n[admin]\nlisten = "127.0.0.1:1"\n[log]\nlevel = "warn"\n',
  )
  const read = readConfig(
    { config, kmip: '127.0.0.1:3' },
    { MORTISE_KMIP: '127.0.0.1:2', MORTISE_ADMIN: '[::1]:2' },
  )
  assert.equal(read.kmip.listen.port, 3)
  assert.deepEqual(read.admin.listen, { host: '::1', port: 2 })
  assert.equal(read.log.level, 'warn')
})

test('MORTISE_CONFIG names the file; --config wins', () => {
  const config = file('[log]\nlevel = "error"\n')
  assert.equal(readConfig({}, { MORTISE_CONFIG: config }).log.level, 'error')
  assert.match(
    refusal({ config: path.join(folder, 'none.toml') }, { MORTISE_CONFIG: config }),
    /none\.toml: there is no such file/,
  )
})

test('a folder in a file that was named just now, and another one in a variable: nobody knows which is meant', () => {
  const config = file('[server]\ndata = "/data/a"\n')
  const elsewhere = { MORTISE_DATA: '/data/b' }
  assert.throws(
    () => readConfig({ config }, elsewhere),
    /MORTISE_DATA names .*\/data\/b.* names \/data\/a: say which/,
  )
  assert.equal(readConfig({ config, data: '/data/b' }, elsewhere).server.data, '/data/b')
  assert.equal(readConfig({ config }, { MORTISE_DATA: '/data/a' }).server.data, '/data/a')
  assert.equal(readConfig({}, { MORTISE_CONFIG: config, ...elsewhere }).server.data, '/data/b')
})

test('a data folder is on a disk', () => {
  for (const data of ['/proc/x', '/proc/self/x', '/sys/x'])
    assert.throws(() => readConfig({ data }, {}), /--data: name a folder on a disk/)
})

test('lists in variables are written with commas', () => {
  const config = readConfig({}, { MORTISE_SERVER_NAMES: 'kms.example.com, 192.0.2.10' })
  assert.deepEqual(config.server.names, ['kms.example.com', '192.0.2.10'])
})

function listedBy(text: string): readonly string[] {
  return readConfig({}, { MORTISE_KMIP_PROXY_PROTOCOL_FROM: text }).kmip.proxyProtocolFrom
}

function adoptHostsBy(text: string): readonly string[] {
  return readConfig({}, { MORTISE_ADOPT_HOSTS: text }).adopt.hosts
}

test('adopt.hosts takes hosts with and without a port, and no URLs', () => {
  const good = ['kms.example.com', 'kms-2:5697', '192.0.2.7', '[2001:db8::7]:5696', '2001:db8::8']
  assert.deepEqual(adoptHostsBy(good.join(',')), good)
  for (const wrong of ['kmip://kms', 'kms:0', 'kms:70000', '[kms]:5696', 'a b', 'kms/path'])
    assert.throws(() => adoptHostsBy(wrong), /is neither HOST nor HOST:PORT/, wrong)
})

test('kmip.proxyProtocolFrom takes addresses and subnets, but not every address', () => {
  assert.deepEqual(listedBy(''), [])
  const listed = ['10.0.0.5', '10.1.0.0/16', '2001:db8::5', '2001:db8::/64', '192.0.2.1/32']
  assert.deepEqual(listedBy(listed.join(', ')), listed)
  for (const text of [
    'lb.example.com',
    '10.0.0.5:5696',
    '10.0.0.0/33',
    '2001:db8::/129',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
  ])
    assert.match(
      refusal({}, { MORTISE_KMIP_PROXY_PROTOCOL_FROM: text }),
      /MORTISE_KMIP_PROXY_PROTOCOL_FROM: ".*" is neither an address nor a subnet; write for example/,
    )
  for (const text of ['0.0.0.0/0', '::/0'])
    assert.match(refusal({}, { MORTISE_KMIP_PROXY_PROTOCOL_FROM: text }), /lists every address/)
})

test('audit.keep takes days, from 90 on', () => {
  assert.equal(readConfig({}, {}).audit.keep, null)
  assert.equal(readConfig({}, { MORTISE_AUDIT_KEEP: '400d' }).audit.keep, 400)
  for (const text of ['89d', '400', '1y', '-90d'])
    assert.match(
      refusal({}, { MORTISE_AUDIT_KEEP: text }),
      /MORTISE_AUDIT_KEEP: .*days such as 400d, at least 90d/,
    )
})

test('variables that Kubernetes sets for a service named mortise are ignored, mistakes are not', () => {
  const env = {
    MORTISE_SERVICE_HOST: '10.0.0.7',
    MORTISE_SERVICE_PORT: '5696',
    MORTISE_SERVICE_PORT_KMIP: '5696',
    MORTISE_PORT: 'tcp://10.0.0.7:5696',
    MORTISE_PORT_5696_TCP: 'tcp://10.0.0.7:5696',
    MORTISE_PORT_5696_TCP_PROTO: 'tcp',
    MORTISE_PORT_5696_TCP_PORT: '5696',
    MORTISE_PORT_5696_TCP_ADDR: '10.0.0.7',
    MORTISE_ADMIN_SERVICE_HOST: '10.0.0.8',
    MORTISE_ADMIN_PORT: 'tcp://10.0.0.8:5697',
  }
  assert.equal(readConfig({}, env).kmip.listen.port, 5696)
  assert.deepEqual(kubernetesVariables({ ...env, PATH: '/bin' }), Object.keys(env))
  assert.match(refusal({}, { MORTISE_PORT: '5696' }), /there is no variable MORTISE_PORT;/)
  assert.match(refusal({}, { MORTISE_SERVICE: 'x' }), /there is no variable MORTISE_SERVICE;/)
  assert.deepEqual(kubernetesVariables({ MORTISE_KMIP: '[::]:5696', MORTISE_DATA: '/x' }), [])
})

test('booleans in variables are true or false', () => {
  assert.equal(readConfig({}, {}).server.acceptShortPassphrase, false)
  assert.equal(readConfig({}, { MORTISE_ACCEPT_SHORT_PASSPHRASE: 'true' }).server.acceptShortPassphrase, true)
  assert.match(
    refusal({}, { MORTISE_ACCEPT_SHORT_PASSPHRASE: 'yes' }),
    /MORTISE_ACCEPT_SHORT_PASSPHRASE: .*boolean/,
  )
})

test('an unknown key is refused and the nearest known one is named', () => {
  assert.match(
    refusal({ config: file('[kmip]\nlitsen = "x"\n') }),
    /no key "kmip\.litsen".*nearest is kmip\.listen/,
  )
  assert.match(refusal({ config: file('[kimp]\nlisten = "x"\n') }), /no section or key "kimp"/)
  assert.match(refusal({ config: file('kmip = 1\n') }), /"kmip" is a section/)
  assert.match(refusal({ config: file('[__proto__]\nx = 1\n') }), /no section or key "__proto__"/)
  assert.match(refusal({ config: file('[log]\nconstructor = 1\n') }), /no key "log\.constructor"/)
})

test('an unknown MORTISE_ variable is refused, those of tests aside', () => {
  assert.match(refusal({ config: '/nowhere/mortise.toml' }, {}), /mortise\.toml: there is no such file$/)
  assert.match(refusal({ config: tmpdir() }, {}), /: this is a folder$/)
  assert.match(refusal({}, { MORTISE_DTA: 'x' }), /no variable MORTISE_DTA; the nearest is MORTISE_DATA/)
  assert(readConfig({}, { MORTISE_TEST_PG: 'x', MORTISE_STORE_TEST_URL: 'x', PATH: '/' }))
})

test('every problem is told at once, each with its place', () => {
  const config = file('[kmip]\nlisten = "nowhere"\n[server]\nworkers = 4\n[log]\nlevel = 3\n')
  const lines = refusal({ config, admin: '127.0.0.1:99999' }, { MORTISE_AUDIT_READS: 'never' }).split('\n')
  assert.equal(lines.length, 5)
  assert.match(lines.join('\n'), /kmip\.listen in .*HOST:PORT/)
  assert.match(lines.join('\n'), /server\.workers: .*several writers/)
  assert.match(lines.join('\n'), /log\.level in /)
  assert.match(lines.join('\n'), /--admin: "127\.0\.0\.1:99999" is not HOST:PORT/)
  assert.match(lines.join('\n'), /MORTISE_AUDIT_READS: /)
})

test('a file that is not TOML is refused with its line', () => {
  assert.match(refusal({ config: file('[kmip]\nlisten = \n') }), /mortise\.toml: line 2: /)
})

test('addresses that are none are refused', () => {
  for (const kmip of [
    '5696',
    'host',
    'host:',
    '[::]',
    '[host]:1',
    '::1:5696',
    'a:b:1',
    'host:-1',
    'host:1x',
    '',
  ])
    assert.match(refusal({ kmip }), /--kmip: .*HOST:PORT/, kmip)
})

test('what stands before the host of a URL is in no error', () => {
  for (const [variable, url] of [
    ['MORTISE_OIDC_ISSUER', 'https://mortise:se/cret@login.example.com'],
    ['MORTISE_TRACES_ENDPOINT', 'http://mortise:secr#et@127.0.0.1:4318/v1/traces'],
    ['MORTISE_SIEM_SYSLOG', 'tls://mortise:secret@siem.example:6514'],
  ] as const) {
    const said = refusal({}, { [variable]: url })
    assert.match(said, /:\/\/\.\.\.@\S+" is no /)
    assert.doesNotMatch(said, /cret|secr|mortise:/)
  }
})

test('no two options share a variable or a flag, and no two tables a section', () => {
  const own = Object.values(features).flatMap((feature) => ('options' in feature ? [feature.options] : []))
  const tables: readonly OptionTable[] = [options, ...own]
  const sections = tables.flatMap((table) => Object.keys(table))
  const lines = tables.flatMap((table) => Object.values(table)).flatMap((named) => Object.values(named))
  assert.equal(new Set(sections).size, sections.length)
  const names = lines.flatMap((line) => [line.variable, ...(line.flag ? [line.flag] : [])])
  assert.equal(new Set(names).size, names.length)
})

test('what docs/configuration.md shows can be used as a file', async () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  const toml = /```toml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  assert.deepEqual(Object.keys(parse(toml)), Object.keys(allOptions))
  assert.deepEqual(readConfig({ config: file(toml) }, {}), readConfig({}, {}))
})

test('several workers need PostgreSQL', () => {
  const store = 'postgres://mortise@127.0.0.1/mortise'
  for (const workers of ['1', '8', 'auto'] as const)
    assert.equal(
      String(readConfig({}, { MORTISE_STORE: store, MORTISE_WORKERS: workers }).server.workers),
      workers,
    )
  assert.equal(readConfig({}, { MORTISE_WORKERS: 'auto' }).server.workers, 'auto')
  assert.match(refusal({}, { MORTISE_WORKERS: '2' }), /must be 1 with SQLite/)
  for (const workers of ['0', '65', '1.5', 'many', '-2'])
    assert.match(refusal({}, { MORTISE_STORE: store, MORTISE_WORKERS: workers }), /from 1 to 64, or auto/)
})

test('a command that Mortise runs gets the variables that are not for Mortise', () => {
  const ours = { MORTISE_DATA: '/a', NODE_COMPILE_CACHE: path.join(programFolder, 'node_modules/.cache') }
  assert.deepEqual(environmentOfOthers({ PATH: '/bin', ...ours }), { PATH: '/bin' })
  const theirs = { PATH: '/bin', NODE_COMPILE_CACHE: '/home/user/.cache' }
  assert.deepEqual(environmentOfOthers(theirs), theirs)
})

const nearest = (name: string) => /the nearest is (.*)/.exec(refusal({}, { [name]: 'x' }))?.[1]

test('a variable that does not exist is compared with the variables and with the names of options', () => {
  assert.equal(nearest('MORTISE_KMIP_LISTN'), 'MORTISE_KMIP (kmip.listen)')
  assert.equal(nearest('MORTISE_KMIP_VERSION'), 'MORTISE_KMIP_VERSIONS')
  assert.equal(nearest('MORTISE_SERVER_ROOT_KEY'), 'MORTISE_ROOT_KEY (server.rootKey)')
})

test('a mortise.toml in the folder that MORTISE_CONFIG takes the place of is named, unless --config says which one', (t) => {
  const here = mkdtempSync(path.join(tmpdir(), 'mortise-passed-over-'))
  t.after(() => rmSync(here, { recursive: true }))
  const env = { MORTISE_CONFIG: '/etc/mortise/mortise.toml' }
  assert.equal(passedOver({}, env, here), undefined)
  writeFileSync(path.join(here, 'mortise.toml'), '')
  assert.match(
    passedOver({}, env, here) ?? '',
    /^mortise\.toml in this folder is not read: MORTISE_CONFIG names \/etc\/mortise\/mortise\.toml.*--config mortise\.toml$/,
  )
  assert.equal(passedOver({ config: 'other.toml' }, env, here), undefined)
  assert.equal(passedOver({}, {}, here), undefined)
  for (const named of ['mortise.toml', path.join(here, 'mortise.toml')])
    assert.equal(passedOver({}, { MORTISE_CONFIG: named }, here), undefined)
})
