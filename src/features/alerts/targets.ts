// The file that names who is alerted (alerts.targetsFile): a line for each, `KIND ADDRESS`. It is a file of its own, since the
// addresses of Slack, Teams and PagerDuty are secrets. It is read each time, so that it can be changed while the server runs.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isHttpsOrLocal } from '../../base/loopback.ts'

export const targetKinds = ['json', 'slack', 'teams', 'pagerduty', 'mail'] as const
export type TargetKind = (typeof targetKinds)[number]

export interface AlertTarget {
  readonly kind: TargetKind
  /** A URL, PagerDuty's routing key, or a mail address. */
  readonly address: string
  /** For people: without what is secret in the address. */
  readonly name: string
}

/** Throws an Error that names the file and the line. */
export async function readTargets(file: string): Promise<readonly AlertTarget[]> {
  try {
    return parseTargets(await readFile(file, 'utf8'), file)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const why = unreadable[code]
    throw why === undefined ? error : new Error(`${file}: ${why}`, { cause: error })
  }
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'the user of the server may not read it',
  EISDIR: 'this is a folder',
}

/** Empty lines and those that begin with # are left out. Throws an Error that names the file and the line. */
export function parseTargets(text: string, file: string): readonly AlertTarget[] {
  return text.split('\n').flatMap((line, index) => {
    const [kind = '', address = '', ...more] = line.trim().split(/\s+/)
    if (kind === '' || kind.startsWith('#')) return []
    const problem = problemOf(kind, address, more)
    if (problem !== null) throw new Error(`${file}, line ${String(index + 1)}: ${problem}`)
    return [{ kind: kind as TargetKind, address, name: nameOf(kind as TargetKind, address) }]
  })
}

function problemOf(kind: string, address: string, more: readonly string[]): string | null {
  if (!targetKinds.includes(kind as TargetKind))
    return `begin with one of ${targetKinds.join(', ')}, such as: slack https://hooks.slack.com/services/...`
  if (address === '' || more.length > 0) return `write one address behind ${kind}`
  if (kind === 'mail') return /^[^@]+@[^@]+$/.test(address) ? null : 'this is no mail address'
  if (kind === 'pagerduty')
    return /^\w{20,64}$/.test(address) ? null : "this is no routing key of PagerDuty's Events API v2"
  const url = URL.canParse(address) ? new URL(address) : undefined
  return url && isHttpsOrLocal(url)
    ? null
    : 'write a URL that begins with https:// (http:// for this machine only)'
}

/** The host, and a few digits that distinguish two addresses there. */
function nameOf(kind: TargetKind, address: string): string {
  if (kind === 'mail') return `mail ${address}`
  const digest = createHash('sha256').update(address).digest('hex').slice(0, 6)
  const place = kind === 'pagerduty' ? '' : ` ${new URL(address).host}`
  return `${kind}${place} (${digest})`
}
