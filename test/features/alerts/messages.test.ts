import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { Alert } from '../../../src/features/alerts/alert.ts'
import {
  headline,
  jsonBody,
  mailOf,
  pagerdutyBody,
  signatureOf,
  slackBody,
  teamsBody,
} from '../../../src/features/alerts/messages.ts'

const alert: Alert = {
  id: 'disk-low',
  severity: 'critical',
  instanceId: null,
  about: '',
  message: 'the client <b>&*x*</b> waits',
  action: 'Make [room](http://evil.example).',
  key: '["disk-low",null,""]',
  event: 'begun',
  atMs: 1_790_000_000_123,
}
const ended: Alert = { ...alert, event: 'ended' }
const origin = { node: 'kms-1', version: '1.2.3' }
const read = (text: string) => JSON.parse(text) as Record<string, unknown>

test('the headline says from where, what, and whether it is over', () => {
  assert.equal(headline(alert, origin), 'Mortise kms-1: the client <b>&*x*</b> waits')
  assert.match(headline(ended, origin), /^Mortise kms-1: Over: /)
  assert.match(headline({ ...alert, event: 'worse' }, origin), /: More severe now: /)
})

test('our own JSON has everything', () => {
  const { at, key, node, version, event, id } = read(jsonBody(alert, origin))
  assert.deepEqual(
    { at, key, node, version, event, id },
    { at: '2026-09-21T14:13:20.123Z', key: alert.key, ...origin, event: 'begun', id: 'disk-low' },
  )
})

test('Slack gets escaped text, and no advice once it is over', () => {
  const { text } = read(slackBody(alert, origin))
  assert.match(
    String(text),
    /^\*critical\* Mortise kms-1: the client &lt;b&gt;&amp;\*x\*&lt;\/b&gt; waits\nMake /,
  )
  assert.doesNotMatch(String(read(slackBody(ended, origin))['text']), /Make/)
})

test('Teams gets an Adaptive Card in which no name is Markdown', () => {
  const card = teamsBody(alert, origin)
  const { attachments } = read(card) as {
    attachments: { content: { type: string; body: { text: string }[] } }[]
  }
  assert.equal(attachments[0]?.content.type, 'AdaptiveCard')
  const [, advice] = attachments[0]?.content.body ?? []
  assert.equal(advice?.text, String.raw`Make \[room\]\(http://evil.example\).`)
})

test('PagerDuty gets one incident for a condition, which its end resolves', () => {
  const begun = read(pagerdutyBody(alert, origin, 'KEY'))
  const over = read(pagerdutyBody({ ...ended, atMs: 5 }, origin, 'KEY'))
  assert.equal(begun['event_action'], 'trigger')
  assert.equal(over['event_action'], 'resolve')
  assert.equal(begun['dedup_key'], over['dedup_key'])
  assert.notEqual(
    begun['dedup_key'],
    read(pagerdutyBody(alert, { ...origin, node: 'kms-2' }, 'KEY'))['dedup_key'],
  )
  const notice = read(pagerdutyBody({ ...alert, severity: 'notice' }, origin, 'KEY'))
  assert.equal((notice['payload'] as { severity: string }).severity, 'info')
})

test('mail has one line of subject', () => {
  const { subject, text } = mailOf({ ...alert, message: 'a\r\nBcc: everybody@example.com' }, origin)
  assert.equal(subject, '[critical] Mortise kms-1: a Bcc: everybody@example.com')
  assert.match(text, /\nMake .*\n\nCondition: disk-low\n/)
  assert.match(mailOf(ended, origin).subject, /^\[over\] /)
})

const lines = (shown: string) => shown.split(/[\r\n\u2028]/).length

test('no text of others begins a line or turns the direction of reading, wherever it arrives', () => {
  const text = 'ann\nSeverity:  notice\u2028x\r\u202Eend'
  const forged = { ...alert, message: text, action: text }
  assert.equal(lines(headline(forged, origin)), 1)
  assert.equal(lines(String(read(slackBody(forged, origin))['text'])), 2)
  assert.equal(lines(mailOf(forged, origin).text), lines(mailOf(alert, origin).text))
  for (const body of [slackBody, teamsBody, jsonBody]) assert.doesNotMatch(body(forged, origin), /\u202E/)
  assert.doesNotMatch(pagerdutyBody(forged, origin, 'R'), /\u202E|\\n/)
})

test('the signature is the HMAC of time and body', () => {
  const key = Buffer.from('secret')
  const mac = createHmac('sha256', key).update('12.{"a":1}').digest('hex')
  assert.equal(signatureOf('{"a":1}', key, 12_999), `t=12,v1=${mac}`)
})
