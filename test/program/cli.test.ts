// The command line's own words: help, examples, usage errors. Without a server.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { meantBy, triedWords } from '../../src/doors/cli/meant.ts'
import { command } from '../support/server/command.ts'
import type { CommandResult } from '../support/server/server.ts'

const say = (...words: string[]): Promise<CommandResult> => command(words)

async function misused(words: readonly string[], stderr: RegExp): Promise<void> {
  const said = await say(...words)
  assert.equal(said.code, 2, words.join(' '))
  assert.match(said.stderr, stderr)
  assert.equal(said.stdout, '')
}

/** `Commands:` of a help text. */
function commandsIn({ stdout }: CommandResult): string[] {
  const [, list = ''] = stdout.split('Commands:\n')
  return [...list.matchAll(/^ {2}([\w-]+) /gm)].map(([, name = '']) => name).filter((name) => name !== 'help')
}

/** A command of each noun, and the features whose commands it may load: its own, and those that add to it. */
const loads: readonly (readonly [command: string, features: readonly string[]])[] = [
  ['key list', ['keys', 'key-export']],
  ['audit list', ['audit']],
  ['instance show', ['instances', 'adopt', 'closing']],
]

test('a command loads no commands of other features', async () => {
  const program = path.join(import.meta.dirname, '../../src/program/main.ts')
  const hook = `import { registerHooks } from 'node:module'
    registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context) } })`
  const preload = `data:text/javascript,${encodeURIComponent(hook)}`
  for (const [line, features] of loads) {
    const words = ['--import', preload, program, ...line.split(' '), '--help']
    const { stderr } = await promisify(execFile)(process.execPath, words)
    const loaded = [...stderr.matchAll(/src\/features\/([\w-]+)\/(?:commands|[\w-]*command\b)/g)]
    assert.deepEqual(new Set(loaded.map(([, feature]) => feature)), new Set(features), line)
  }
})

test('every command has help with an example of itself', async () => {
  const commands: string[][] = []
  for (const noun of commandsIn(await say('--help'))) {
    const verbs = commandsIn(await say(noun, '--help'))
    commands.push(...(verbs.length === 0 ? [[noun]] : verbs.map((verb) => [noun, verb])))
  }
  assert(commands.length >= 20, JSON.stringify(commands))
  for (const command of commands) {
    const { code, stdout } = await say(...command, '--help')
    assert.equal(code, 0, command.join(' '))
    const [, examples = ''] = stdout.split('Examples:\n')
    assert.match(examples, new RegExp(`^ {2}mortise ${command.join(' ')}`), command.join(' '))
    assert.match(stdout, /--json/, command.join(' '))
  }
})

test('version and help end with 0', async () => {
  assert.deepEqual(await say('--version'), { code: 0, stdout: '1.2.3\n', stderr: '' })
  const help = await say('--help')
  assert.deepEqual([help.code, help.stderr], [0, ''])
  assert.deepEqual(await say(), help)
  assert.deepEqual(await say('help'), help)
  assert.deepEqual(await say('help', 'key'), await say('key', '--help'))
})

test('help shows the first steps before the commands', async () => {
  const { stdout } = await say('help')
  const shown = [...stdout.matchAll(/^ {2}mortise ([a-z]+(?: [a-z]+)?) {2}/gm)].map(([, words]) => words)
  assert.deepEqual(shown, ['serve', 'client pending', 'client trust', 'status', 'key list'])
  assert(stdout.indexOf('First steps:') < stdout.indexOf('Commands:'))
})

test('wrong usage ends with 2 and says how it goes', async () => {
  await misused(['key'], /Usage: mortise key/)
  await misused(['lock'], /unknown command 'lock'/)
  await misused(['key', 'list', '--colour'], /unknown option '--colour'/)
  await misused(
    ['client', 'trust', '--nam', 'x'],
    /^mortise: unknown option '--nam'\n {2}Did you mean --name\? See: mortise client trust --help\n$/,
  )
  await misused(['client', 'trust', '--pending', 'x'], /required option '--name <name>' not specified/)
  await misused(
    ['client', 'trust', '--name', 'x', '--cert', 'a.pem', '--cert', 'b.pem'],
    /--cert was given twice, and takes one value/,
  )
  await misused(['key', 'show'], /missing required argument/)
  await misused(['key', 'show', 'a', 'b'], /too many arguments/)
  await misused(['client', 'trust', '--cert', 'x'], /--name/)
  await misused(['client', 'trust', '--name', 'x'], /give one of --cert PEM, --ca PEM and --pending/)
  await misused(['client', 'trust', '--name', 'x', '--cert', 'a', '--ca', 'b'], /give one of/)
  await misused(
    ['client', 'trust', '--name', 'x', '--cert', 'a', '--subject', 'b'],
    /--subject belongs to --ca/,
  )
  await misused(['client', 'trust', '--name', 'x', '--pending', 'abc'], /whole SHA-256/)
  await misused(['client', 'block', 'abc'], /whole SHA-256/)
  await misused(['client', 'block'], /give a SHA-256 or --cert/)
  await misused(['client', 'unblock', 'abc'], /whole SHA-256/)
  await misused(['client', 'set', 'x'], /say what to change/)
  await misused(['client', 'set', 'x', '--credential', 'maybe'], /when-sent, required or none/)
  await misused(['client', 'set', 'x', '--user-name', 'u'], /--user-name and --password-file belong together/)
  await misused(['client', 'set', 'x', '--expired-grace-days', '-1'], /whole number/)
  await misused(['instance', 'set', 'x'], /say what to change/)
  await misused(['instance', 'set', 'x', '--portable', 'perhaps'], /yes or no/)
  await misused(['instance', 'create', 'x', '--custody', 'pocket'], /database or keyprotect/)
  await misused(['token', 'create'], /--role/)
  await misused(['token', 'create', '--role', 'king'], /--role takes viewer, operator or manager, not king/)
  await misused(['key', 'list', '--created-since', 'spring'], /--created-since takes a time/)
  await misused(['key', 'list', '--admin', 'https://127.0.0.1:1'], /needs a token: --token-file/)
  await misused(['key', 'list', '--admin', 'http://127.0.0.1:1', '--token-file', 'x'], /https:/)
  await misused(['key', 'list', '--admin-ca', 'x'], /--admin-ca belongs to --admin/)
  await misused(['key', 'list', '--admin', 'https://127.0.0.1:1', '--data', 'x'], /--admin or --data/)
  for (const list of [['key'], ['audit', '--csv'], ['audit', '--follow']])
    await misused([list[0] ?? '', 'list', ...list.slice(1), '--limit', '0'], /--limit takes a number above 0/)
  // Node.js takes more milliseconds than 31 bits hold for one.
  await misused(['status', '--watch', '--every', '3000000'], /--every takes 1 to 86400/)
  await misused(['key', 'list', '--state', 'Activ'], /unknown state `Activ`; did you mean `Active`\?/)
  await misused(
    ['key', 'list', '--state', 'asleep'],
    /unknown state `asleep`: it is one of PreActive, Active/,
  )
  await misused(
    ['audit', 'list', '--action', 'key.gett'],
    /unknown action `key\.gett`; did you mean `key\.get`\?/,
  )
  await misused(
    ['audit', 'list', '--action', 'nothing-such'],
    /unknown action `nothing-such`: it is a word such as key\.create, [a-z.-]+, [a-z.-]+; docs\/audit-actions\.md lists them all/,
  )
  await misused(['key', 'revoke', 'x', '--reason', 'KeyCompromised'], /did you mean `KeyCompromise`/)
})

test('a word that other programs have is answered with the command that does it here', async () => {
  for (const [words, hint] of [
    ['version', /Use mortise --version\. See/],
    ['log', /mortise audit list .*journalctl/],
    ['config', /docs\/configuration\.md.*mortise reload/],
    ['client add', /Use mortise client trust,/],
    ['client rm', /Use mortise client remove\./],
    ['client revoke', /mortise client remove .* mortise client block /],
    ['key delete', /Use mortise key destroy\./],
    ['backup restore', /Use mortise restore FILE\./],
  ] as const) {
    const word = words.split(' ').at(-1) ?? ''
    const { code, stderr } = await say(...words.split(' '), 'x')
    assert.equal(code, 2)
    assert.ok(stderr.startsWith(`mortise: unknown command '${word}'\n  `), stderr)
    assert.match(stderr, hint)
  }
  for (const tried of triedWords) {
    assert.match((await say(...tried.split(' '))).stderr, /unknown command/, `${tried} is a command`)
    for (const [, words = ''] of (meantBy(tried) ?? '').matchAll(/mortise ([a-z]+(?: [a-z]+)?)/g)) {
      const { code } = await say(...words.split(' ').slice(0, words.startsWith('reload') ? 1 : 2), '--help')
      assert.equal(code, 0, words)
    }
  }
})

test('every command and flag that the documentation shows is there', async () => {
  const pages = [
    '../../README.md',
    '../../docs/operate.md',
    '../../docs/vcenter.md',
    '../../docs/server-certificate.md',
    '../../docs/command-line.md',
  ]
  const known = new Map<string, string>()
  const helpOf = async (words: readonly string[]): Promise<string> => {
    const name = words.join(' ')
    const help = known.get(name) ?? (await say(...words, '--help')).stdout
    known.set(name, help)
    return help
  }
  const wrong: string[] = []
  let checked = 0
  for (const page of pages) {
    const shown = readFileSync(new URL(page, import.meta.url), 'utf8')
    for (const [whole, line = ''] of shown.matchAll(
      /(?:\bmortise|run -s mortise --) ((?:[a-z][\w-]*)(?: [^`\n#]*)?)(?=[`\n#])/g,
    )) {
      const words = line.trim().split(/\s+/)
      const [top = '', verb = ''] = words
      const commands = commandsIn({ stdout: await helpOf([]), stderr: '', code: 0 })
      if (!commands.includes(top)) {
        wrong.push(`${page}: ${whole}`)
        continue
      }
      const verbs = commandsIn({ stdout: await helpOf([top]), stderr: '', code: 0 })
      if (verbs.length > 0 && !verbs.includes(verb)) {
        if (/^[a-z-]+$/.test(verb)) wrong.push(`${page}: ${whole}`)
        continue
      }
      const help = await helpOf(verbs.length > 0 ? [top, verb] : [top])
      for (const [flag] of line.matchAll(/--[a-z][\w-]*/g))
        if (!new RegExp(`${flag}\\b`).test(help)) wrong.push(`${page}: ${whole}: ${flag}`)
      checked++
    }
  }
  assert.deepEqual(wrong, [])
  assert(checked > 40, String(checked))
})

test('failures with --json are JSON on standard error', async () => {
  const { code, stdout, stderr } = await say('key', 'list', '--json')
  assert.equal(code, 1)
  assert.equal(stdout, '')
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string; hint: string } }
  assert.match(error.message, /no server has left its address in \/nowhere\/mortise-data/)
  assert.match(error.hint, /mortise serve/)
  for (const [words, message, hint] of [
    [['key', 'list', '--stat', 'Active'], /^unknown option '--stat'$/, /^Did you mean --state\? See/],
    [['kye'], /^unknown command 'kye'$/, /^Did you mean key\? See/],
    [['key'], /unknown option '--json'|a command is missing/],
    [['client', 'trust'], /^required option '--name <name>' not specified$/],
    [['key', 'list', '--limit', '0'], /^--limit takes a number above 0$/],
  ] as const) {
    const wrong = await say(...words, '--json')
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
    const { error: usage } = JSON.parse(wrong.stderr) as { error: Partial<typeof error> }
    assert.equal(usage.code, 'usage')
    assert.match(usage.message ?? '', message)
    if (hint) assert.match(usage.hint ?? '', hint)
  }
})
