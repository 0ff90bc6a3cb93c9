// An audit entry as a message of syslog (RFC 5424), framed by its length (RFC 6587 §3.4.1, RFC 5425 §4.3). Its structured
// data has writer and number, by which a receiver knows a message that it has already, and one that is missing.

import type { AuditEntry, StoredAuditEntry } from '../../core/ports/audit.ts'

/** Log audit (RFC 5424 §6.2.1). */
const facility = 13
const severities: { readonly [R in AuditEntry['result']]: number } = { success: 6, refused: 4, undone: 5 }
/** The number that RFC 5612 keeps for those that have none of their own. */
const enterprise = 32_473

export interface SyslogSource {
  /** The name of this machine. */
  readonly host: string
  readonly process: number
}

/** The whole frame. `text`: the text of the entry. */
export function syslogFrame(
  { writer, number, hash, body }: StoredAuditEntry,
  { host, process }: SyslogSource,
  text: string,
): Buffer {
  const { atMs, action, result } = JSON.parse(body) as AuditEntry
  const priority = facility * 8 + severities[result]
  const head = [
    `<${String(priority)}>1`,
    new Date(atMs).toISOString(),
    printable(host, 255),
    'mortise',
    String(process),
    printable(action, 32),
    `[mortise@${String(enterprise)} writer="${parameter(writer)}" number="${String(number)}" hash="${parameter(hash)}"]`,
  ]
  const message = Buffer.from(`${head.join(' ')} ${text}`)
  return Buffer.concat([Buffer.from(`${String(message.length)} `), message])
}

/**
 * The entry as one JSON object on one line. Without its first two fields it is the exact text that was hashed, so a reader who
 * has all lines of a writer can check its chain.
 */
export function jsonLine({ hash, body }: StoredAuditEntry): string {
  const { atMs } = JSON.parse(body) as AuditEntry
  return `{"time":"${new Date(atMs).toISOString()}","hash":"${hash}",${body.slice(1)}`
}

function printable(text: string, length: number): string {
  return text.replaceAll(/[^!-~]/g, '_').slice(0, length) || '-'
}

function parameter(text: string): string {
  return text.replaceAll(/["\\\]]/g, String.raw`\$&`)
}
