// The line and the exit code of `status --nagios`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminUnreachable } from '../../../src/doors/http/client.ts'
import { nagiosOutcome, nagiosUnknown } from '../../../src/features/status/conditions-text.ts'
import { command } from '../../support/server/command.ts'

const condition = (severity: 'critical' | 'warning' | 'notice', message: string) => ({
  id: 'an-id',
  severity,
  instance: null,
  message,
  action: 'do it',
})

test('the worst severity decides; the line names its conditions', () => {
  assert.deepEqual(nagiosOutcome({ conditions: [] }), {
    line: 'MORTISE OK - nothing needs you | critical=0 warning=0 notice=0',
    exitCode: 0,
  })
  const notice = condition('notice', 'a client waits')
  assert.deepEqual(nagiosOutcome({ conditions: [notice] }), {
    line: 'MORTISE OK - a client waits | critical=0 warning=0 notice=1',
    exitCode: 0,
  })
  const warning = condition('warning', 'it expires')
  assert.deepEqual(nagiosOutcome({ conditions: [warning, warning, notice] }), {
    line: 'MORTISE WARNING - it expires; it expires | critical=0 warning=2 notice=1',
    exitCode: 1,
  })
  const many = Array.from({ length: 1_000 }, (_, number) => condition('warning', `client ${number} expires`))
  assert.equal(
    nagiosOutcome({ conditions: many }).line,
    'MORTISE WARNING - client 0 expires (and 999 more of this kind) | critical=0 warning=1000 notice=0',
  )
  const critical = condition('critical', 'a | bar\nand a line\u001b[2J')
  const { line, exitCode } = nagiosOutcome({ conditions: [critical, warning] })
  assert.equal(exitCode, 2)
  assert.match(line, /^MORTISE CRITICAL - a \/ bar and a line.* \| critical=1 warning=1 notice=0$/)
  assert.ok(!line.includes('\u001b'))
})

test('no answer is UNKNOWN', () => {
  const error = new AdminUnreachable('no server answers', 'ECONNREFUSED')
  assert.deepEqual(nagiosUnknown(error), { line: 'MORTISE UNKNOWN - no server answers', exitCode: 3 })
})

test('a data folder without a server is UNKNOWN, on standard output', async () => {
  const { code, stdout, stderr } = await command(['status', '--nagios'])
  assert.deepEqual([code, stderr], [3, ''])
  assert.match(stdout, /^MORTISE UNKNOWN - no server has left its address in [^\n]*\n$/)
})

test('what does not go together is refused', async () => {
  for (const words of [
    ['--nagios', '--watch'],
    ['--nagios', '--json'],
    ['--every', '3'],
    ['--watch', '--every', '0'],
  ])
    assert.equal((await command(['status', ...words])).code, 2, words.join(' '))
})
