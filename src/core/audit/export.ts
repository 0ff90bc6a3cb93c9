// An exported log. Its first line names the key and where the writers begin and end, so that the reader notices a truncated
// export. Each further line is a checkpoint or an entry. The browser reads exports too, so nothing here needs Node.

import type { AuditCheckpoint, StoredAuditEntry } from '../ports/audit.ts'
import { hasTypes, isList, isObject, isWriterHead } from './json-shapes.ts'
import type { LogParts } from './proof.ts'

/** The first line of an export. */
export function exportHead(
  publicKey: string,
  { beginnings, ends }: Pick<Required<LogParts>, 'beginnings' | 'ends'>,
  atMs: number,
): string {
  const exported = new Date(atMs).toISOString()
  return JSON.stringify({ mortiseAudit: 1, publicKey, beginnings, ends, exported })
}

export interface ExportedLog extends LogParts {
  readonly publicKey: string
  readonly entries: readonly StoredAuditEntry[]
}

/**
 * Reads an export as it arrives, since it may be longer than a string can be. Rejects with the number of a line that does not
 * belong to an export.
 */
export async function readExport(lines: Iterable<string> | AsyncIterable<string>): Promise<ExportedLog> {
  const reader = new ExportReader()
  for await (const line of lines) reader.add(line)
  return reader.log()
}

/** The lines of an export are shorter than this. */
const lineCharactersMax = 16 * 1024 * 1024

/** Splits UTF-8 bytes into lines as they arrive. A line that is too long for an export comes in several parts. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of bytes) {
    const [end = '', ...lines] = decoder.decode(part, { stream: true }).split('\n')
    rest += end
    for (const line of lines) {
      yield rest
      rest = line
    }
    if (rest.length > lineCharactersMax) {
      yield rest
      rest = ''
    }
  }
  yield rest + decoder.decode()
}

/** Reads an export line by line, so that a page of the console can pause in between. */
export class ExportReader {
  readonly #checkpoints: AuditCheckpoint[] = []
  readonly #entries: StoredAuditEntry[] = []
  #head: ReturnType<typeof headOf> | undefined
  #lines = 0

  add(line: string): void {
    this.#lines++
    if (!this.#head) this.#head = headOf(line)
    else if (line.trim() !== '') this.#addRecord(line)
  }

  #addRecord(line: string): void {
    const { checkpoint, entry } = parseLine(line, this.#lines)
    if (isCheckpoint(checkpoint)) this.#checkpoints.push(checkpoint)
    else if (isEntry(entry)) this.#entries.push(entry)
    else throw new Error(`line ${String(this.#lines)} is neither an entry nor a checkpoint`)
  }

  log(): ExportedLog {
    const head = this.#head ?? headOf('')
    return { ...head, checkpoints: this.#checkpoints, entries: this.#entries }
  }
}

/** Reads a checkpoint that an administrator kept: alone, or under `checkpoint` in a line of the server's log or of an export. */
export function parseCheckpoint(text: string): AuditCheckpoint | undefined {
  try {
    const line: unknown = JSON.parse(text)
    const checkpoint = isObject(line) && line['checkpoint'] !== undefined ? line['checkpoint'] : line
    if (!isCheckpoint(checkpoint)) return undefined
    const { number, body, signature } = checkpoint
    return { number, body, signature }
  } catch {
    return undefined
  }
}

function headOf(line: string) {
  const { mortiseAudit, publicKey, beginnings, ends = [] } = parseLine(line, 1)
  const isWhole = isList(beginnings, isWriterHead) && isList(ends, isWriterHead)
  if (mortiseAudit !== 1 || typeof publicKey !== 'string' || !isWhole)
    throw new Error('this is not an audit export: its first line should begin with {"mortiseAudit":1')
  return { publicKey, beginnings, ends }
}

function parseLine(line: string, number: number): Readonly<Record<string, unknown>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (cause) {
    throw new Error(`line ${String(number)} of the export is not JSON`, { cause })
  }
  return isObject(parsed) ? parsed : {}
}

function isEntry(value: unknown): value is StoredAuditEntry {
  return isWriterHead(value) && hasTypes(value, { body: 'string' })
}

function isCheckpoint(value: unknown): value is AuditCheckpoint {
  return isObject(value) && hasTypes(value, { number: 'number', body: 'string', signature: 'string' })
}
