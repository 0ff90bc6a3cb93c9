// Reads the head of an HTTP request and writes that of an answer (KMIP profiles 2.1 §5.4, RFC 9112). It accepts the POST of a whole message
// to one path, and refuses everything else of HTTP with a sentence: other methods and paths, bodies without a length, transfer encodings.
// Pure functions.

import type { Encoding } from '../../wire/kmip/encodings.ts'

export type Head =
  | {
      readonly kind: 'message'
      readonly encoding: Encoding
      /** The name or address by which the peer addresses this server, in lower case and without a port; empty: none. */
      readonly host: string
      readonly bodyBytes: number
      /** Whether the peer may send more requests on this connection. */
      readonly keepAlive: boolean
      /** Whether the peer waits for 100 Continue before it sends the body. */
      readonly awaitsContinue: boolean
    }
  | HeadRefusal

export interface HeadRefusal {
  readonly kind: 'refused'
  readonly status: keyof typeof statuses
  /** A sentence for the administrator of the client. */
  readonly why: string
}

const statuses = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  411: 'Length Required',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  505: 'HTTP Version Not Supported',
} as const

const kmipPath = '/kmip'

/** The media types of each encoding. Answers have the first. */
const mediaTypes = {
  ttlv: ['application/octet-stream'],
  xml: ['text/xml', 'application/xml'],
  json: ['application/json'],
} as const satisfies Record<Encoding, readonly string[]>

/** `text`: the request line and the header fields, without the empty line behind them. Each byte is one character. */
export function readHead(text: string): Head {
  const [line = '', ...lines] = text.split('\r\n')
  const request = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/.exec(line)
  if (request === null) return refused(400, 'these bytes do not begin an HTTP request')
  const [, method, target = '', major, minor] = request
  if (major !== '1') return refused(505, 'this server speaks HTTP/1.1 and HTTP/1.0')
  const [, authority, path] = /^(?:https?:\/\/([^/]*))?(.*)$/i.exec(target) ?? []
  if (path !== kmipPath) return refused(404, `KMIP messages go to ${kmipPath}, and nothing else is here`)
  if (method !== 'POST') return refused(405, `send KMIP messages with POST to ${kmipPath}`)
  const fields = fieldsOf(lines)
  return fields === undefined
    ? refused(400, 'a header field is malformed, or stands twice')
    : readFields(fields, { isNew: minor !== '0', host: hostOf(authority ?? fields.get('host') ?? '') })
}

/** Refuses the first bytes of a connection if they cannot begin a request, above all TTLV without HTTP. So the server does not wait for more. */
export function refusalOfPart(seen: Buffer): HeadRefusal | undefined {
  const [first = 0x50] = seen
  const isLetter = (first | 0x20) >= 0x61 && (first | 0x20) <= 0x7a
  const mayBeEmptyLine = first === 0x0d && seen.length === 1
  if ((isLetter || mayBeEmptyLine) && seen[1] !== 0) return undefined
  return refused(
    400,
    'this port takes KMIP over HTTPS; TTLV without HTTP goes to the other one (kmip.listen)',
  )
}

export const headTooLong = refused(431, 'the header of the request is too long')

/** The host without its port. RFC 9112 §3.2.2: if the target is an absolute URL, its authority counts instead of the field Host. */
function hostOf(authority: string): string {
  const { six, name } = /^(?:\[(?<six>[^[\]]*)\]|(?<name>[^:]*))(?::\d*)?$/.exec(authority)?.groups ?? {}
  return (six ?? name ?? authority).toLowerCase().replace(/\.$/, '')
}

function readFields(
  fields: ReadonlyMap<string, string>,
  { isNew, host }: { readonly isNew: boolean; readonly host: string },
): Head {
  if (fields.has('transfer-encoding'))
    return refused(411, 'send the message with Content-Length, without a transfer encoding')
  const length = fields.get('content-length')
  if (length === undefined) return refused(411, 'Content-Length is missing')
  if (!/^\d{1,15}$/.test(length)) return refused(400, 'Content-Length is not a number')
  const encoding = encodingOf(fields.get('content-type') ?? '')
  if (encoding === undefined)
    return refused(
      415,
      'Content-Type must be application/octet-stream (TTLV), text/xml or application/json, in UTF-8',
    )
  const coding = fields.get('content-encoding')?.toLowerCase() ?? 'identity'
  if (coding !== 'identity') return refused(415, 'send the message without a content encoding')
  const expected = fields.get('expect')?.toLowerCase()
  if (expected !== undefined && expected !== '100-continue')
    return refused(417, 'the only expectation that is met is 100-continue')
  const options = partsOf(fields.get('connection') ?? '', ',')
  const keepAlive = isNew ? !options.includes('close') : options.includes('keep-alive')
  const awaitsContinue = isNew && expected !== undefined
  return { kind: 'message', encoding, host, bodyBytes: Number(length), keepAlive, awaitsContinue }
}

/** Fields that decide how the server reads the bytes. It refuses a request in which one stands twice. */
const once: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'transfer-encoding',
])

/** The fields by their name in lower case; undefined if a line is malformed, or a field of `once` stands twice. */
function fieldsOf(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, written, rest] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? []
    if (written === undefined || rest === undefined) return undefined
    const [name, value] = [written.toLowerCase(), rest.replace(/^[ \t]+/, '').trimEnd()]
    const before = fields.get(name)
    if (before !== undefined && once.has(name)) return undefined
    fields.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return fields
}

/** Splits without a regular expression, which would take quadratic time for a long run of spaces. */
function partsOf(value: string, separator: string): readonly string[] {
  return value
    .toLowerCase()
    .split(separator)
    .map((part) => part.trim())
}

function encodingOf(contentType: string): Encoding | undefined {
  const [type = '', ...parameters] = partsOf(contentType, ';')
  if (parameters.some((one) => one.startsWith('charset') && !/^charset="?utf-?8"?$/.test(one)))
    return undefined
  const encodings = Object.keys(mediaTypes) as Encoding[]
  return encodings.find((encoding) => (mediaTypes[encoding] as readonly string[]).includes(type))
}

function refused(status: HeadRefusal['status'], why: string): HeadRefusal {
  return { kind: 'refused', status, why }
}

/** The head of a KMIP answer. Its HTTP status is 200 even if the operation failed. */
export function answerHead(encoding: Encoding, bodyBytes: number, keepAlive: boolean): string {
  return headOf('200 OK', mediaTypes[encoding][0], bodyBytes, keepAlive)
}

/** The whole answer to a request that is refused. The connection ends after it. */
export function refusalText({ status, why }: HeadRefusal): string {
  const head = headOf(`${status} ${statuses[status]}`, 'text/plain; charset=utf-8', why.length + 1, false)
  return `${status === 405 ? head.replace('\r\n', '\r\nAllow: POST\r\n') : head}${why}\n`
}

function headOf(status: string, type: string, bodyBytes: number, keepAlive: boolean): string {
  return [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${type}`,
    `Content-Length: ${bodyBytes}`,
    'Cache-Control: no-cache, no-store',
    `Connection: ${keepAlive ? 'keep-alive' : 'close'}`,
    '\r\n',
  ].join('\r\n')
}

export const continueText = 'HTTP/1.1 100 Continue\r\n\r\n'
