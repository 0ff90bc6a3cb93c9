// A KMIP listener for tests, on loopback and port 0. The test gives the answers; everything that it reports is in lists.

import { randomBytes } from 'node:crypto'
import type {
  Answer,
  KmipListener,
  ListenerCounts,
  ListenerGauge,
  ListenAddress,
  ListenerOptions,
  HandshakeOutcome,
  Peer,
} from '../../../src/doors/kmip/contract.ts'
import type { ServerCertificate } from '../../../src/core/identity/tls-identity.ts'
import { listen } from '../../../src/doors/kmip/listener.ts'
import { issueServer, privateKeyPem } from '../../../src/core/pki/issue.ts'
import { testAuthority } from '../certificates/certificates.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface TestListener extends AsyncDisposable {
  readonly opened: KmipListener
  readonly port: number
  readonly handshakes: HandshakeOutcome[]
  readonly lines: LogLine[]
  /** Counted so far, over all labels or those that have all of `labels`. */
  count(name: keyof ListenerCounts, labels?: Record<string, string>): number
  gauge(name: ListenerGauge): number
  /** Lines above debug. */
  loud(): LogLine[]
}

let made: Promise<ServerCertificate> | undefined

/** One for the whole process, RSA-2048 as the product issues it. */
function serverCertificate(): Promise<ServerCertificate> {
  made ??= makeServerCertificate()
  return made
}

export async function makeServerCertificate(): Promise<ServerCertificate> {
  const identity = await issueServer({
    ca: await testAuthority(),
    names: ['localhost', '127.0.0.1'],
    nowMs: Date.now(),
  })
  return { certificate: identity.certificate.pem, key: privateKeyPem(identity.privateKey) }
}

export async function openListener(
  options: Partial<ListenerOptions & ListenAddress> = {},
): Promise<TestListener> {
  const handshakes: HandshakeOutcome[] = []
  const lines: LogLine[] = []
  const counts: { name: string; labels: Readonly<Record<string, string>> }[] = []
  const gauges = new Map<ListenerGauge, () => number>()
  const log =
    (level: LogLine['level']) =>
    (message: string, fields: LogLine['fields'] = {}) =>
      void lines.push({ level, message, fields })
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    serverCertificate: await serverCertificate(),
    ticketKeys: randomBytes(48),
    answer: echo,
    whyUnread: async () => null,
    onHandshake: async (outcome) => {
      handshakes.push(outcome)
      return true
    },
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    metrics: {
      count: (name, labels) => void counts.push({ name, labels }),
      gauge: (name, read) => void gauges.set(name, read),
    },
    ...options,
  })
  return {
    opened: listener,
    port: listener.port,
    handshakes,
    lines,
    count: (name, labels = {}) =>
      counts.filter(
        (counted) =>
          counted.name === name &&
          Object.entries(labels).every(([label, value]) => counted.labels[label] === value),
      ).length,
    gauge: (name) => gauges.get(name)?.() ?? Number.NaN,
    loud: () => lines.filter((line) => line.level !== 'debug'),
    [Symbol.asyncDispose]: () => listener.close(),
  }
}

/** Answers a message with itself. */
export async function echo(message: Buffer, _peer: Peer): Promise<Answer> {
  return { bytes: Buffer.from(message), close: false }
}

/** A TTLV structure (tag Request Message) with `bodyBytes` bytes of which only `number` at the start matters. */
export function messageOf(number: number, bodyBytes = 16): Buffer {
  const message = Buffer.alloc(8 + bodyBytes)
  message.writeUInt32BE(0x42007801, 0)
  message.writeUInt32BE(bodyBytes, 4)
  if (bodyBytes >= 4) message.writeUInt32BE(number, 8)
  return message
}

export function numberOf(message: Buffer | undefined): number | undefined {
  return message?.readUInt32BE(8)
}
