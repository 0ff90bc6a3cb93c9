// Sends one alert to one target, once. Whether a failure is worth another attempt is part of the answer.

import { readFile } from 'node:fs/promises'
import { causeText } from '../../base/text/cause-text.ts'
import { NotSent, postJson } from '../../outside/webhooks/post.ts'
import type { Alert, AlertOrigin } from './alert.ts'
import { jsonBody, mailOf, pagerdutyBody, signatureOf, slackBody, teamsBody } from './messages.ts'
import type { AlertTarget } from './targets.ts'

/** How long one attempt may take, and one by mail: there each step may take the former. */
const alertSendMs = 10_000
const alertMailMs = 60_000

export interface SendOptions {
  readonly origin: AlertOrigin
  /** The file with the key that signs what goes to json targets; null: not signed. */
  readonly signingKeyFile: string | null
  /** null: no mail can be sent. */
  readonly smtp: { readonly url: string; readonly passwordFile: string | null; readonly from: string } | null
  /** PagerDuty's address; another one for tests. */
  readonly pagerdutyUrl?: string
  /** How long a mail may take; less for tests. */
  readonly mailMs?: number
  readonly now: () => number
}

const pagerduty = 'https://events.pagerduty.com/v2/enqueue'

/** Throws NotSent. */
export async function send(alert: Alert, target: AlertTarget, options: SendOptions): Promise<void> {
  const { origin } = options
  const { address } = target
  switch (target.kind) {
    case 'json': {
      const body = jsonBody(alert, origin)
      return post(address, body, await signed(body, options))
    }
    case 'slack':
      return post(address, slackBody(alert, origin))
    case 'teams':
      return post(address, teamsBody(alert, origin))
    case 'pagerduty':
      return post(options.pagerdutyUrl ?? pagerduty, pagerdutyBody(alert, origin, address))
    case 'mail':
      return mail(alert, address, options)
    default:
      return target.kind satisfies never
  }
}

async function signed(body: string, { signingKeyFile, now }: SendOptions): Promise<Record<string, string>> {
  if (signingKeyFile === null) return {}
  const key = await readOr(signingKeyFile)
  return { 'mortise-signature': signatureOf(body, Buffer.from(key), now()) }
}

async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<void> {
  await postJson(url, body, { headers, timeoutMs: alertSendMs })
}

async function mail(alert: Alert, to: string, options: SendOptions): Promise<void> {
  const { smtp, origin, mailMs = alertMailMs } = options
  if (!smtp) throw new NotSent('name the mail server in alerts.smtp', false)
  // Only here: few servers send mail.
  const { createTransport } = await import('nodemailer')
  const { username, hostname, port, protocol } = new URL(smtp.url)
  const pass = smtp.passwordFile === null ? '' : await readOr(smtp.passwordFile)
  const transport = createTransport({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port !== '' && { port: Number(port) }),
    secure: protocol === 'smtps:',
    // A password never crosses the network in the clear.
    requireTLS: protocol === 'smtp:' && username !== '',
    ...(username !== '' && { auth: { user: decodeURIComponent(username), pass } }),
    connectionTimeout: alertSendMs,
    greetingTimeout: alertSendMs,
    socketTimeout: alertSendMs,
  })
  // A server that says a little now and then meets the timeouts of each step.
  const signal = AbortSignal.timeout(mailMs)
  try {
    await transport.sendMail({ from: smtp.from, to, ...mailOf(alert, origin), signal })
  } catch (error) {
    if (signal.aborted) throw new NotSent(`it did not take the mail within ${String(mailMs / 1000)} s`, true)
    const { responseCode } = error as { readonly responseCode?: number }
    // 5xx says that it will never be taken (RFC 5321 §4.2.1).
    throw new NotSent(causeText(error), responseCode === undefined || responseCode < 500, { cause: error })
  } finally {
    transport.close()
  }
}

async function readOr(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).split('\n')[0]?.trim() ?? ''
  } catch (error) {
    throw new NotSent(causeText(error), true, { cause: error })
  }
}
