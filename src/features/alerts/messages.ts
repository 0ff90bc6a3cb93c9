// The bodies of alerts for each kind of receiver: our own JSON, Slack's incoming webhooks, Teams' workflows (an Adaptive Card),
// PagerDuty's Events API v2, and mail.

import { createHash, createHmac } from 'node:crypto'
import type { Severity } from '../../core/conditions/line.ts'
import type { Alert, AlertOrigin } from './alert.ts'

const events: { readonly [E in Alert['event']]: string } = {
  begun: '',
  worse: 'More severe now: ',
  ended: 'Over: ',
  test: 'A test: ',
}

/** One line. */
export function headline({ event, message }: Alert, { node }: AlertOrigin): string {
  return `Mortise ${node}: ${events[event]}${oneLine(message)}`
}

/** Names and reasons come from people, clients and other servers: none begins a line or turns the direction of reading. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
}

export function jsonBody(alert: Alert, origin: AlertOrigin): string {
  const { event, id, severity, instanceId, about, key, atMs } = alert
  const [message, action] = [oneLine(alert.message), oneLine(alert.action)]
  const at = new Date(atMs).toISOString()
  return JSON.stringify({ event, id, severity, instanceId, about, message, action, key, at, ...origin })
}

/** https://api.slack.com/reference/surfaces/formatting: three characters are escaped. */
export function slackBody(alert: Alert, origin: AlertOrigin): string {
  const lines = [`*${alert.severity}* ${escaped(headline(alert, origin))}`]
  if (alert.event !== 'ended') lines.push(escaped(oneLine(alert.action)))
  return JSON.stringify({ text: lines.join('\n') })
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** https://learn.microsoft.com/power-automate: "Post to a channel when a webhook request is received" takes Adaptive Cards. */
export function teamsBody(alert: Alert, origin: AlertOrigin): string {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      block(headline(alert, origin), { weight: 'Bolder', color: colors[alert.severity] }),
      ...(alert.event === 'ended' ? [] : [block(oneLine(alert.action))]),
    ],
  }
  const contentType = 'application/vnd.microsoft.card.adaptive'
  return JSON.stringify({ type: 'message', attachments: [{ contentType, contentUrl: null, content }] })
}

function block(text: string, more: object = {}) {
  return { type: 'TextBlock', text: plain(text), wrap: true, ...more }
}

const colors: { readonly [S in Severity]: string } = {
  critical: 'Attention',
  warning: 'Warning',
  notice: 'Default',
}

/** A card reads Markdown; names that clients chose must not. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_[\]()#<>]/g, String.raw`\$&`)
}

/** https://developer.pagerduty.com/docs/send-alert-event. */
export function pagerdutyBody(alert: Alert, origin: AlertOrigin, routingKey: string): string {
  const { event, id, severity, instanceId, action, key, atMs } = alert
  const dedupKey = createHash('sha256').update(`${origin.node} ${key}`).digest('hex')
  const payload = {
    summary: headline(alert, origin).slice(0, 1024),
    source: origin.node,
    severity: severity === 'notice' ? 'info' : severity,
    timestamp: new Date(atMs).toISOString(),
    component: 'mortise',
    class: id,
    custom_details: { action: oneLine(action), instanceId, version: origin.version },
  }
  return JSON.stringify({
    routing_key: routingKey,
    event_action: event === 'ended' ? 'resolve' : 'trigger',
    dedup_key: dedupKey,
    payload,
  })
}

export function mailOf(
  alert: Alert,
  origin: AlertOrigin,
): { readonly subject: string; readonly text: string } {
  const { severity, event, action, id, atMs } = alert
  const subject = `[${event === 'ended' ? 'over' : severity}] ${headline(alert, origin)}`
  const lines = [
    headline(alert, origin),
    ...(event === 'ended' ? [] : ['', oneLine(action)]),
    '',
    `Condition: ${id}`,
    `Severity:  ${severity}`,
    `Time:      ${new Date(atMs).toISOString()}`,
    `Node:      ${origin.node} (Mortise ${origin.version})`,
  ]
  return { subject, text: `${lines.join('\n')}\n` }
}

/** The header Mortise-Signature: the time in seconds, and HMAC-SHA256 of `time.body` in hex. */
export function signatureOf(body: string, key: Buffer, nowMs: number): string {
  const seconds = String(Math.floor(nowMs / 1000))
  return `t=${seconds},v1=${createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')}`
}
