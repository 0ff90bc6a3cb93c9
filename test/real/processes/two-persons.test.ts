// Two people and the real server: one asks, the other says no, then yes; the server is killed in between; the list of guarded
// acts changes; and the glass is broken.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { Output } from '../../../src/doors/http/route.ts'
import { command } from '../../support/server/command.ts'
import { startServer, type CommandResult } from '../../support/server/server.ts'
import type { approvalRoutes } from '../../../src/features/approvals/routes.ts'

type Approval = Output<typeof approvalRoutes.showApproval>

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-two-persons-'))
const data = path.join(folder, 'data')
const config = path.join(folder, 'mortise.toml')
after(() => rmSync(folder, { recursive: true, force: true }))

const guard = (acts: readonly string[]) =>
  writeFileSync(config, `[approval]\nfor = ${JSON.stringify(acts)}\n[backup]\nenabled = false\n`)
const start = () => startServer({ data, args: ['--config', config] })
const tokenOf = (name: string) => path.join(folder, `${name}.token`)

/** A command with somebody's token; `input`: what is typed. */
const as = (name: string | null, words: readonly string[], input = ''): Promise<CommandResult> =>
  command([...words, ...(name === null ? [] : ['--token-file', tokenOf(name)])], {
    data,
    input,
    terminal: input !== '',
  })

async function done(name: string | null, ...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await as(name, [...words, '--json'])
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`)
  return JSON.parse(stdout)
}

/** The request that a command leaves behind. */
async function waits(name: string, ...words: string[]): Promise<Approval> {
  const { code, stdout, stderr } = await as(name, [...words, '--json'])
  assert.equal(code, 3, `${words.join(' ')}: ${stdout}${stderr}`)
  return (JSON.parse(stdout) as { approval: Approval }).approval
}

const handOut = (name: string) =>
  done(null, 'token', 'create', '--role', 'manager', '--owner', name, '--name', name, '--out', tokenOf(name))

const conditions = async (): Promise<readonly string[]> =>
  ((await done('bob', 'status')) as { conditions: { id: string }[] }).conditions.map(({ id }) => id)

const actions = async (action: string): Promise<readonly { detail: Record<string, string> }[]> =>
  (await done('bob', 'audit', 'list', '--action', action)) as { detail: Record<string, string> }[]

test('two people, from the first token to the broken glass', async (t) => {
  guard([])
  {
    await using _server = await start()
    for (const name of ['alice', 'bob']) await handOut(name)
    await done(null, 'instance', 'create', 'staging')
    guard(['instance delete', 'token create manager', 'backup create'])
    const { needRestart } = (await done(null, 'reload')) as { needRestart: string[] }
    assert.deepEqual(needRestart, ['approval.for'], 'a reload does not change it')
    await done('alice', 'instance', 'create', 'unguarded')
    await done('alice', 'instance', 'delete', 'unguarded')
  }

  await t.test('nothing happens while it waits, nor when the other says no', async () => {
    await using _server = await start()
    assert.equal((await actions('approval.configure')).length, 1)
    const asked = await as('alice', ['instance', 'delete', 'staging'])
    assert.equal(asked.code, 3)
    assert.match(asked.stdout, /"instance delete" needs a second person/)
    assert.match(asked.stdout, /Can approve it: +bob/)
    assert.match(asked.stdout, /approval cancel [-0-9a-f]+.* --token-file \S*alice/)
    assert.ok((await conditions()).includes('approval-waits'))
    const [waiting] = (await done('bob', 'approval', 'list')) as Approval[]
    assert.ok(waiting)
    const own = await as('alice', ['approval', 'approve', waiting.id, '--yes'])
    assert.equal(own.code, 1)
    assert.match(own.stderr, /alice asked for it/)
    await done('bob', 'approval', 'refuse', waiting.id, '--reason', 'still in use')
    const shown = await as('alice', ['approval', 'show', waiting.id.slice(0, 8)])
    assert.match(shown.stdout, /refused by bob: still in use/)
    assert.ok(!(await conditions()).includes('approval-waits'))
    const names = ((await done('bob', 'instance', 'list')) as { name: string }[]).map(({ name }) => name)
    assert.ok(names.includes('staging'))
  })

  await t.test('it is done when the other says yes, to a server that was killed meanwhile', async () => {
    const first = await start()
    const { id } = await waits('alice', 'instance', 'delete', 'staging')
    await first.kill()
    await using _server = await start()
    const approved = await as('bob', ['approval', 'approve', id], 'yes\n')
    assert.equal(approved.code, 0, approved.stderr)
    assert.match(approved.stderr, /Instance: +staging/, 'what is approved is shown before')
    assert.match(approved.stdout, /approved by bob, and carried out/)
    const names = ((await done('bob', 'instance', 'list')) as { name: string }[]).map(({ name }) => name)
    assert.ok(!names.includes('staging'))
    const again = await as('bob', ['approval', 'approve', id, '--yes'])
    assert.match(again.stderr, /approved and carried out/)
  })

  await t.test('--wait goes on as if the server had answered at once', async () => {
    await using _server = await start()
    const copy = path.join(folder, 'copy.backup')
    const waiting = as('alice', ['backup', 'create', copy, '--wait', '--json'])
    let asked: Approval | undefined
    while (!asked) [asked] = (await done('bob', 'approval', 'list')) as Approval[]
    await done('bob', 'approval', 'approve', asked.id, '--yes')
    const { code, stdout, stderr } = await waiting
    assert.equal(code, 0, stderr)
    assert.match(stderr, /needs a second person/)
    assert.equal((JSON.parse(stdout) as { copy: string }).copy, copy)
    assert.ok(readFileSync(copy).length > 1000)

    const refused = as('alice', ['backup', 'create', '--wait'])
    let other: Approval | undefined
    while (!other) [other] = (await done('bob', 'approval', 'list')) as Approval[]
    await done('bob', 'approval', 'refuse', other.id)
    const said = await refused
    assert.equal(said.code, 1)
    assert.match(said.stderr, /nothing was done: refused by bob/)
  })

  await t.test('a token that was asked for works from its approval on', async () => {
    await using _server = await start()
    const { id } = await waits(
      'alice',
      'token',
      'create',
      '--role',
      'manager',
      '--owner',
      'carol',
      '--out',
      tokenOf('carol'),
    )
    assert.equal((await as('carol', ['token', 'list'])).code, 1)
    await done('bob', 'approval', 'approve', id, '--yes')
    await done('carol', 'token', 'list')
    const { id: next } = await waits('alice', 'backup', 'create')
    const chained = await as('carol', ['approval', 'approve', next, '--yes'])
    assert.equal(chained.code, 1)
    assert.match(chained.stderr, /alice may have both tokens/)
    await done('alice', 'approval', 'cancel', next)
  })

  await t.test('a shorter list is told loudly', async () => {
    guard(['backup create'])
    await using server = await start()
    assert.match(server.stderr(), /are other ones than at the last start/)
    assert.ok((await conditions()).includes('approval-changed'))
    const [entry] = await actions('approval.configure')
    assert.equal(entry?.detail['now'], 'backup create')
  })

  await t.test('a recovered token breaks the glass, and everybody hears it', async () => {
    await using _server = await start()
    const recovered = await command(['token', 'recover', '--out', tokenOf('recovered')], { data })
    assert.equal(recovered.code, 0, recovered.stderr)
    await done('recovered', 'backup', 'create')
    assert.ok((await conditions()).includes('token-recovered'))
    assert.deepEqual(
      (await actions('approval.break-glass')).map(({ detail }) => detail['act']),
      ['backup create'],
    )
  })
})
