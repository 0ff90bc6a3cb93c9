import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTargets, readTargets } from '../../../src/features/alerts/targets.ts'

test('a file that cannot be read is named in words', async () => {
  const folder = import.meta.dirname
  await assert.rejects(readTargets(`${folder}/none`), /^Error: .*\/none: there is no such file$/)
  await assert.rejects(readTargets(folder), /^Error: .*: this is a folder$/)
})

const routingKey = 'R0UT1NGK3Y0123456789'

test('a line for each target; comments and empty lines are left out; names have no secrets', () => {
  const text = `# who is on call
slack https://hooks.slack.com/services/T0/B0/secret

  pagerduty   ${routingKey}
mail ops@example.com
json http://127.0.0.1:8080/hook?token=secret`
  const targets = parseTargets(text, 'file')
  assert.deepEqual(
    targets.map(({ kind, address }) => [kind, address.length > 0]),
    [
      ['slack', true],
      ['pagerduty', true],
      ['mail', true],
      ['json', true],
    ],
  )
  const names = targets.map(({ name }) => name).join('\n')
  assert.match(
    names,
    /^slack hooks\.slack\.com \(\w{6}\)\npagerduty \(\w{6}\)\nmail ops@example\.com\njson 127/,
  )
  assert.doesNotMatch(names, new RegExp(`secret|${routingKey}`))
})

for (const [line, problem] of [
  ['sms +49123', /begin with one of json, slack, teams, pagerduty, mail/],
  ['slack', /write one address behind slack/],
  ['slack https://a https://b', /write one address/],
  ['slack http://hooks.slack.com/x', /begins with https:\/\/ \(http:\/\/ for this machine only\)/],
  ['json not-a-url', /begins with https/],
  ['pagerduty short', /no routing key/],
  ['mail ops', /no mail address/],
] as const)
  test(`refused, with file and line: ${line}`, () => {
    assert.throws(() => parseTargets(`# first\n${line}`, '/etc/targets'), problem)
    assert.throws(() => parseTargets(`# first\n${line}`, '/etc/targets'), /^Error: \/etc\/targets, line 2: /)
  })
