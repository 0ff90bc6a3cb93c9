// Messages to a KMIP server under examination, of any version, in TTLV over TLS or in XML or JSON over HTTPS. The client of
// outside/kmip-client/ speaks 1.x only; here a version is one more thing to examine.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { encodeRequest, type IncomingResponse, type OutgoingRequest } from '../../wire/kmip/client-message.ts'
import { fromText, toText, type Encoding, type TextEncoding } from '../../wire/kmip/encodings.ts'
import type { Address } from '../../base/kmip-address.ts'
import { readAnswer } from '../../outside/kmip-client/answers.ts'
import { openConnection, type ClientConnection } from '../../outside/kmip-client/connection.ts'
import { connectionTrouble, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { clientTls, type ClientTls, type TlsOptions } from '../../outside/kmip-client/tls.ts'
import { messageBytesMax } from '../../base/bounds.ts'
import { fingerprint } from '../../core/pki/fingerprint.ts'
import { TtlvError } from '../../wire/ttlv/error.ts'

export interface ClientExchange extends AsyncDisposable {
  /** Rejects with KmipTransportError. */
  send(request: OutgoingRequest): Promise<IncomingResponse>
  /** Opens a connection and closes it again. Rejects with KmipTransportError. */
  probe(): Promise<void>
}

export interface ExchangeOptions extends TlsOptions {
  readonly address: Address
  readonly encoding: Encoding
  /** How long a connection, a handshake and an answer may take, in milliseconds each. */
  readonly answerMs: number
}

/** Throws TlsOptionsError. Connects with the first message. */
export function openExchange(options: ExchangeOptions): ClientExchange {
  const tls = clientTls(options)
  const { encoding } = options
  const place = { ...options, tls }
  const send = encoding === 'ttlv' ? overTls(place) : overHttps(place, encoding)
  return { ...send, probe: () => probe(place) }
}

async function probe({ address, answerMs, tls }: Place): Promise<void> {
  const connection = await openConnection(address, { tls, timeouts: timeoutsOf(answerMs) })
  await connection.close()
}

function timeoutsOf(answerMs: number) {
  return { connectMs: answerMs, handshakeMs: answerMs, answerMs }
}

interface Place extends Pick<ExchangeOptions, 'address' | 'answerMs'> {
  readonly tls: ClientTls
}

/** Some servers end the connection after a request that they refuse, so the next request opens another one. */
function overTls({ address, answerMs, tls }: Place): Omit<ClientExchange, 'probe'> {
  let connection: ClientConnection | undefined
  return {
    async send(request) {
      if (!connection?.isOpen)
        connection = await openConnection(address, { tls, timeouts: timeoutsOf(answerMs) })
      return readAnswer(await connection.exchange(encodeRequest(request)), address)
    },
    [Symbol.asyncDispose]: async () => connection?.close(),
  }
}

const contentTypes: Readonly<Record<TextEncoding, string>> = { xml: 'text/xml', json: 'application/json' }

function overHttps(
  { address, answerMs, tls: { context, trust } }: Place,
  encoding: TextEncoding,
): Omit<ClientExchange, 'probe'> {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    secureContext: context,
    rejectUnauthorized: trust.by === 'authority',
    ...(isIP(address.host) === 0 && { servername: address.host }),
  })
  const failed = (stage: KmipTransportError['stage'], what: string, cause?: unknown) =>
    new KmipTransportError(stage, address, what, { cause })
  return {
    async send(request) {
      const body = toText(encoding, encodeRequest(request))
      const { status, content } = await posted(
        { address, answerMs, agent, body, type: contentTypes[encoding] },
        (socket) => {
          if (trust.by !== 'fingerprint') return undefined
          const sha256 = fingerprint(socket.getPeerX509Certificate()?.raw ?? Buffer.of())
          return sha256 === trust.sha256
            ? undefined
            : failed('handshake', `the server has another certificate: ${sha256}`)
        },
      ).catch((error: unknown) => {
        if (error instanceof KmipTransportError || !(error instanceof Error)) throw error
        const code = 'code' in error ? String(error.code) : undefined
        if (code?.startsWith('HPE_')) throw failed('protocol', 'it does not answer in HTTP', error)
        throw code === 'TIMEOUT'
          ? new KmipTransportError('answer', address, 'no answer in time', { code })
          : failed('connect', connectionTrouble(error, code), error)
      })
      if (status !== 200) throw failed('protocol', `the server answered POST /kmip with the status ${status}`)
      try {
        return readAnswer(fromText(encoding, content), address)
      } catch (error) {
        throw error instanceof TtlvError
          ? failed('protocol', `not KMIP in ${encoding}: ${error.message}`, error)
          : error
      }
    },
    [Symbol.asyncDispose]: async () => agent.destroy(),
  }
}

async function posted(
  {
    address,
    answerMs,
    agent,
    body,
    type,
  }: Pick<Place, 'address' | 'answerMs'> & {
    readonly agent: Agent
    readonly body: Buffer
    readonly type: string
  },
  refuse: (socket: TLSSocket) => Error | undefined,
): Promise<{ readonly status: number; readonly content: Buffer }> {
  const headers = { 'content-type': type, 'content-length': body.length }
  const request = httpsRequest({ ...address, path: '/kmip', method: 'POST', agent, headers })
  const late = Object.assign(new Error('no answer in time'), { code: 'TIMEOUT' })
  request.setTimeout(answerMs, () => request.destroy(late))
  request.once('socket', (socket) => {
    // Nothing is sent to a server that is not the right one.
    const begin = () => {
      const refused = refuse(socket as TLSSocket)
      if (refused) request.destroy(refused)
      else request.end(body)
    }
    if (socket.connecting) socket.once('secureConnect', begin)
    else begin()
  })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if ((bytes += chunk.length) > messageBytesMax * textFactor) throw new Error('the answer is too large')
  }
  return { status: response.statusCode ?? 0, content: Buffer.concat(chunks) }
}

/** A message as text may be this many times as large as in TTLV. */
const textFactor = 8
