// A command with --wait that nobody lets end well: the server goes away, and the user stops waiting, or its time is over.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import type { Output } from '../../src/doors/http/route.ts'
import { approvalMs } from '../../src/base/bounds.ts'
import { inProcess } from '../support/server/command.ts'
import { startEmbedded } from '../support/server/server.ts'
import type { approvalRoutes } from '../../src/features/approvals/routes.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-approval-wait-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const data = path.join(folder, 'data')
const interrupt = (said: string): unknown =>
  /Waiting: the server does not answer/.test(said) && process.emit('SIGINT')
const tokenOf = (name: string) => path.join(folder, `${name}.token`)

test('who stops waiting still gets the text of the token that they asked for, also from a server that went away', async () => {
  {
    await using server = await startEmbedded({ data })
    for (const name of ['alice', 'bob'])
      await server.json('token', 'create', '--role', 'manager', '--owner', name, '--out', tokenOf(name))
  }
  const config = path.join(folder, 'mortise.toml')
  writeFileSync(config, '[approval]\nfor = ["token create manager"]\n')
  await using server = await startEmbedded({ data, args: ['--config', config] })

  /** Asks for a token and waits; `on` is called with what was said so far. */
  const asked = async (words: readonly string[], on: (said: string) => void, aheadMs = 0) => {
    const create = ['token', 'create', '--role', 'manager', '--owner', 'carol', '--wait', '--json']
    const where = ['--data', data, '--token-file', tokenOf('alice')]
    let said = ''
    const heard = (text: string) => {
      said += text
      on(said)
    }
    const result = await inProcess([...create, ...words, ...where], {}, (world) => ({
      ...world,
      stderr: { write: heard },
      now: () => world.now() + aheadMs,
    }))
    assert.equal(result.code, 3, said)
    return JSON.parse(result.stdout) as {
      approval: Output<typeof approvalRoutes.showApproval>
      token?: string
    }
  }

  const file = tokenOf('carol')
  const kept = await asked(['--out', file], () => process.emit('SIGINT'))
  assert.equal(kept.token, undefined)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await server.json('approval', 'approve', kept.approval.id, '--yes', '--token-file', tokenOf('bob'))
  await server.json('whoami', '--token-file', file)
  await server.stop()

  for (const [onSilence, aheadMs] of [
    [interrupt, 0],
    [() => {}, approvalMs],
  ] as const) {
    await using another = await startEmbedded({ data, args: ['--config', config] })
    let stopping: Promise<unknown> | undefined
    const on = (said: string) => (stopping ? onSilence(said) : (stopping = another.stop()))
    const shown = await asked(['--name', `ahead-${aheadMs}`], on, aheadMs)
    await stopping
    assert.match(shown.token ?? '', /^mortise/)
    assert.notEqual(shown.token, readFileSync(file, 'utf8').trim())
  }
})
