// An audit entry in the Common Event Format, version 0 (ArcSight, "Implementing ArcSight CEF", revision 25): a header of seven
// fields, and keys of its dictionary. In the header `\` and `|` are escaped, in values `\`, `=` and line ends.

import { isIPv6 } from 'node:net'
import type { AuditEntry, StoredAuditEntry } from '../../core/ports/audit.ts'

/** 0 to 10, of which 4 to 6 are "medium". */
const severities: { readonly [R in AuditEntry['result']]: number } = { success: 3, refused: 6, undone: 4 }

export interface CefSource {
  /** The version of this program. */
  readonly version: string
  /** The sentence that explains each action. */
  readonly meanings: Readonly<Record<string, string>>
}

/** One line, without its end. */
export function cefLine(
  { writer, number, hash, body }: StoredAuditEntry,
  { version, meanings }: CefSource,
): string {
  const { atMs, action, result, instanceId, object, actor, reason, requestId, detail } = JSON.parse(
    body,
  ) as AuditEntry
  const head = [
    'CEF:0',
    'Mortise',
    'Mortise',
    version,
    action,
    meanings[action] ?? '',
    String(severities[result]),
  ]
  const address = actor.address === null ? {} : addressOf(actor.address)
  const fields = {
    rt: String(atMs),
    act: action,
    outcome: result,
    reason,
    suser: actor.name,
    suid: actor.id,
    sproc: actor.kind,
    ...address,
    deviceExternalId: writer,
    externalId: String(number),
    ...labelled(1, 'Instance', instanceId),
    ...labelled(2, 'Object', object),
    ...labelled(3, 'Request', requestId),
    ...labelled(4, 'Certificate SHA-256', actor.certificateSha256),
    ...labelled(5, 'Chain hash', hash),
    ...countOf(detail),
    msg: detail && JSON.stringify(detail),
  }
  const extension = Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${inValue(value ?? '')}`)
  return `${head.map(inHead).join('|')}|${extension.join(' ')}`
}

/** `src` takes IPv4 only. */
function addressOf(address: string) {
  return isIPv6(address) ? { c6a2: address, c6a2Label: 'Source IPv6 Address' } : { src: address }
}

/** One entry may count several refusals. */
function countOf(detail: AuditEntry['detail']) {
  const refusals = detail?.['refusals']
  return typeof refusals === 'number' ? { cnt: String(refusals) } : {}
}

function labelled(place: number, label: string, value: string | null) {
  return value === null ? {} : { [`cs${String(place)}`]: value, [`cs${String(place)}Label`]: label }
}

function inHead(text: string): string {
  return text.replaceAll(/[\\|]/g, String.raw`\$&`).replaceAll(/[\r\n]+/g, ' ')
}

function inValue(text: string): string {
  return text
    .replaceAll(/[\\=]/g, String.raw`\$&`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\n', String.raw`\n`)
}
