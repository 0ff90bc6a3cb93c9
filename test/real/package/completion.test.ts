// Completion in the real zsh and fish; test/doors/cli/completion.test.ts has bash, and that all commands are there. And groff reads every
// manual page without a warning.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { skipOrFail } from '../../support/server/skip.ts'
import { root } from '../../support/repository/sources.ts'
import { runCli } from '../../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-completion-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const env = { ...process.env, HOME: folder, LANG: 'C.UTF-8', TERM: 'xterm' }

const isThere = (program: string): boolean => spawnSync(program, ['--version']).status === 0

/** Words of a command line, and what the shell offers for the last one: some of it, and what it must not offer. */
const cases: readonly (readonly [line: string, offered: readonly string[], not: readonly string[]])[] = [
  ['mortise ', ['serve', 'key', 'server-cert'], ['list']],
  ['mortise key ', ['list', 'undestroy'], ['serve']],
  ['mortise completion ', ['bash', 'zsh', 'fish'], ['serve']],
  ['mortise key list --lim', ['--limit'], ['--json']],
  ['mortise dev --for ', ['ceph', 'libkmip'], ['serve']],
  ['mortise dev -- make --', [], ['--for', '--json']],
]

test('fish', async (t) => {
  if (!isThere('fish')) return skipOrFail(t, 'fish is needed (Debian: fish)')
  const file = path.join(folder, 'mortise.fish')
  writeFileSync(file, (await runCli(['completion', 'fish'])).stdout)
  for (const [line, offered, not] of cases) {
    const ask = ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', file, line]
    const { stdout, stderr } = spawnSync('fish', ask, { encoding: 'utf8', env })
    assert.equal(stderr, '')
    judge(
      line,
      stdout.split('\n').map((one) => one.split('\t')[0] ?? ''),
      offered,
      not,
    )
  }
  // Descriptions are the summaries of the commands.
  const { stdout } = spawnSync(
    'fish',
    ['--no-config', '-c', 'source $argv[1]; complete -C "mortise reloa"', file],
    {
      encoding: 'utf8',
      env,
    },
  )
  assert.match(stdout, /^reload\t\S+ \S+/)
})

/** A person at a keyboard: a zsh on a terminal of its own, in which compadd says what it was given. */
const zshSession = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; unsetopt zle; setopt zle; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell "compadd() { builtin compadd -A found -O offered \\"\\$@\\"; print -rl -- BEGIN \\$offered END; builtin compadd \\"\\$@\\" }"
zpty -w shell "complete-and-say() { zle complete-word; print -r -- ALL''SAID }; zle -N complete-and-say; bindkey '^I' complete-and-say; print READY''NOW"
zpty -r -m shell said '*READYNOW*'
zpty -w -n shell "$2"$'\\t'
zpty -r -m shell said '*ALLSAID*'
print -r -- "$said"
`

test('zsh', async (t) => {
  if (!isThere('zsh')) return skipOrFail(t, 'zsh is needed (Debian: zsh)')
  const functions = path.join(folder, 'functions')
  mkdirSync(functions)
  writeFileSync(path.join(functions, '_mortise'), (await runCli(['completion', 'zsh'])).stdout)
  const syntax = spawnSync('zsh', ['-n', path.join(functions, '_mortise')], { encoding: 'utf8' })
  assert.equal(syntax.stderr, '')
  for (const [line, offered, not] of cases) {
    const args = ['-f', '-c', zshSession, 'zsh', functions, line]
    const { stdout, stderr } = spawnSync('zsh', args, { encoding: 'utf8', env, timeout: 60_000 })
    assert.equal(stderr, '')
    judge(line, stdout.split(/\s+/), offered, not)
  }
})

function judge(
  line: string,
  found: readonly string[],
  offered: readonly string[],
  not: readonly string[],
): void {
  for (const word of offered) assert.ok(found.includes(word), `${line}: ${word} is not in ${found.join(' ')}`)
  for (const word of not) assert.ok(!found.includes(word), `${line}: ${word} is in ${found.join(' ')}`)
}

test('groff reads every manual page without a warning', (t) => {
  if (!isThere('man')) return skipOrFail(t, 'man is needed (Debian: man-db)')
  const share = path.join(folder, 'share')
  const args = ['--disable-warning=ExperimentalWarning', path.join(root, 'scripts/share.ts'), share]
  const made = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: root })
  assert.equal(made.status, 0, made.stderr)
  const pages = ['man1', 'man5'].flatMap((name) =>
    readdirSync(path.join(share, 'man', name)).map((file) => path.join(share, 'man', name, file)),
  )
  assert.ok(pages.length > 20)
  for (const page of pages) {
    const flags = ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', page]
    const { stderr, status } = spawnSync('man', flags, { encoding: 'utf8', env: { ...env, MANWIDTH: '100' } })
    assert.equal(stderr, '', page)
    assert.equal(status, 0)
  }
})
