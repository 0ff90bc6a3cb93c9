// The log: lines on standard error, as JSON for machines or as readable lines for people. The code that opens a log passes it to the parts
// that write; there is no logger to import. The log does not rotate or send anything: the process manager does.

import { pino } from 'pino'
import type { LevelledLog } from '../../core/ports/log.ts'

export interface LogOptions {
  readonly format: 'json' | 'human'
  readonly level: string
  /** The log does not write lines with this field. For signed checkpoints, which are for machines and useless on a terminal. */
  readonly leaveOut?: string | undefined
  /** The log writes lines with this field only once the promise settles, since earlier they would stand above the server's welcome. */
  readonly holdBack?: { readonly field: string; readonly until: Promise<unknown> } | undefined
  /** Each line has these fields. */
  readonly base?: object
  /** Receives whole lines. Default: standard error. */
  readonly write?: (line: string) => void
}

/** Writes each line before the call returns, so that the last lines of a dying process are not lost. */
export function createLog({ format, level, write: sink, leaveOut, holdBack, base }: LogOptions): LevelledLog {
  const out = sink ?? standardError()
  const write = (line: string) => writeLine(line, { format, out, leaveOut })
  const isHeld = holdBack ? holding(holdBack, write) : () => false
  return pino(
    {
      level,
      base: base ?? null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      messageKey: 'message',
      errorKey: 'error',
      serializers: { error: pino.stdSerializers.err },
      formatters: { level: (label) => ({ level: label }), log: withoutBytes },
    },
    { write: (line) => isHeld(line) || write(line) },
  )
}

function writeLine(
  line: string,
  {
    format,
    out,
    leaveOut,
  }: Pick<LogOptions, 'format' | 'leaveOut'> & { readonly out: (line: string) => void },
): void {
  if (leaveOut !== undefined && leaveOut in (JSON.parse(line) as object)) return
  out(format === 'json' ? line : humanLine(line))
}

/** Returns a function that says whether it holds a line back. It writes the held lines once the promise settles. */
function holding(
  { field, until }: NonNullable<LogOptions['holdBack']>,
  write: (line: string) => void,
): (line: string) => boolean {
  let held: string[] | undefined = []
  const release = () => {
    const lines = held ?? []
    held = undefined
    for (const line of lines) write(line)
  }
  until.then(release, release)
  return (line) => held !== undefined && field in (JSON.parse(line) as object) && held.push(line) > 0
}

/** Ignores errors of standard error, since a closed pipe must not end the server. */
function standardError(): (line: string) => void {
  const stream = pino.destination({ fd: 2, sync: true })
  stream.on('error', () => {})
  return (line) => void stream.write(line)
}

function withoutBytes(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Uint8Array
        ? `<${value.byteLength} bytes>`
        : typeof value === 'bigint'
          ? String(value)
          : value,
    ]),
  )
}

/** `12:03:04 WARN  client certificate expired  client=vc1 days=3` */
function humanLine(line: string): string {
  const { time, level, message, error, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => `  ${name}=${fieldText(value)}`)
  const failure =
    error === undefined
      ? ''
      : errorText(error)
          .split('\n')
          .map((one) => `\n    ${visible(one)}`)
          .join('')
  const clock = String(time).slice(11, 19)
  return `${clock} ${String(level).toUpperCase().padEnd(5)} ${visible(typeof message === 'string' ? message : '')}${rest.join('')}${failure}\n`
}

function fieldText(value: unknown): string {
  const text = visible(typeof value === 'string' ? value : JSON.stringify(value))
  return /\s|^$/.test(text) ? JSON.stringify(text) : text
}

function errorText(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'stack' in error) return String(error.stack)
  return fieldText(error)
}

/** Text of unknown peers, such as a certificate's subject, must not control the terminal that shows the log. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
