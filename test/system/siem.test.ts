// The audit log in a SIEM, with a whole server: a receiver of syslog and a file have every entry, in order, over a restart.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { gapsIn, SyslogReceiver } from '../support/syslog/receiver.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-siem-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Line {
  readonly writer: string
  readonly number: number
  readonly action: string
}

function linesOf(file: string): readonly Line[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

async function logOf(server: EmbeddedServer): Promise<readonly string[]> {
  const entries = (await server.json('audit', 'list', '--limit', '10000')) as readonly Line[]
  return entries.map(nameOf).toReversed()
}

const nameOf = ({ writer, number }: Pick<Line, 'writer' | 'number'>) => `${writer} ${number}`

test('a receiver and a file get every entry, also after a restart, and siem test says so', async () => {
  const receiver = new SyslogReceiver()
  const port = await receiver.listen()
  const data = path.join(folder, 'data')
  const file = path.join(folder, 'audit.jsonl')
  const env = { MORTISE_SIEM_SYSLOG: `tcp://127.0.0.1:${port}`, MORTISE_SIEM_FILE: file }
  {
    await using server = await startEmbedded({ data, env })
    await server.json('key', 'create')
    const { code, stdout } = await server.cli('siem', 'test')
    assert.equal(code, 0, stdout)
    assert.match(
      stdout,
      /tcp:\/\/127\.0\.0\.1:\d+: has everything\n.*audit\.jsonl: has everything\nEach target has/,
    )
  }
  await using server = await startEmbedded({ data, env })
  await server.json('key', 'create')
  assert.equal((await server.cli('siem', 'test')).code, 0)
  // The file first: the log may have grown since.
  const lines = linesOf(file)
  const log = await logOf(server)
  const upTo = lines.map(nameOf)
  assert.deepEqual(upTo, log.slice(0, upTo.length), 'each once, in the order of writing')
  assert.equal(lines.filter(({ action }) => action === 'siem.test').length, 2)
  assert.deepEqual(gapsIn(receiver.messages), [])
  assert.ok(upTo.every((name) => receiver.messages.some((message) => nameOf(message) === name)))
  await server.stop()
  await receiver.stop()
})

test('a receiver that is away is told with what to do, and stops nothing', async () => {
  const receiver = new SyslogReceiver()
  const port = await receiver.listen()
  await receiver.stop()
  const env = { MORTISE_SIEM_SYSLOG: `tcp://127.0.0.1:${port}`, MORTISE_SIEM_FORMAT: 'cef' }
  await using server = await startEmbedded({ env })
  await server.json('key', 'create')
  const { code, stdout } = await server.cli('siem', 'status')
  assert.equal(code, 1)
  assert.match(stdout, /lacks what was entered since .*; .*nothing listens there: start the receiver/)
  await receiver.listen()
  assert.equal((await server.cli('siem', 'test')).code, 0)
  assert.ok(receiver.messages.some(({ message }) => message.includes('CEF:0|Mortise|Mortise|')))
  await server.stop()
  await receiver.stop()
})

test('without a SIEM the test is refused, and what cannot be a receiver is not accepted', async () => {
  await using server = await startEmbedded()
  const { code, stderr } = await server.cli('siem', 'test')
  assert.equal(code, 1)
  assert.match(stderr, /no SIEM gets the audit log.*siem\.syslog/s)
  assert.match((await server.cli('siem', 'status')).stdout, /No SIEM gets the audit log/)
  await assert.rejects(
    startEmbedded({ env: { MORTISE_SIEM_SYSLOG: 'siem.example' } }),
    /tls:\/\/siem\.example:6514/,
  )
  const env = { MORTISE_SIEM_SYSLOG: 'tls://siem.example:6514', MORTISE_SIEM_KEY_FILE: '/x' }
  await assert.rejects(startEmbedded({ env }), /certificateFile and siem\.keyFile belong together/)
})
