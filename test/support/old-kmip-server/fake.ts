// An old KMIP server for adoption: a TLS listener whose answers are a table of functions, and which records each operation
// that it was asked for. It can be told to lack versions, batches, searches and attributes, to refuse, to hang and to reset.
// Loopback only.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import {
  decodeRequest,
  encodeResponse,
  refusal,
  RequestError,
  type ResponseItem,
} from '../../../src/wire/kmip/message.ts'
import type { OperationName, Request, Response } from '../../../src/wire/kmip/operations.ts'
import { decodeRequestPayload, encodeResponsePayload } from '../../../src/wire/kmip/payload.ts'
import { makeServerCertificate } from '../server/kmip-listener.ts'

export type OldHandlers = {
  readonly [N in OperationName]?: (request: Request<N>) => Response<N> | Promise<Response<N>>
}

/** In 1.x a Unique Identifier is text. */
export function textOf(UniqueIdentifier: unknown): string {
  if (typeof UniqueIdentifier === 'string') return UniqueIdentifier
  throw new Fault('InvalidField', 'which object?')
}

/** The connection ends instead of an answer. */
export class Reset extends Error {}

export interface OldKmipServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** SHA-256 of its certificate. */
  readonly sha256: string
  /** Each operation that came over the wire, in order. */
  readonly asked: OperationName[]
}

export interface OldKmipServerOptions {
  /** The highest minor version of KMIP 1.x. Default: 4. */
  readonly minor?: number
  /** Whether it takes messages with several items. Default: true. */
  readonly batches?: boolean
  /** Default: a free one. */
  readonly port?: number
  /** Its certificate and private key. Default: new ones. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
}

/** Operations without a handler are refused as unknown. */
export async function openOldKmipServer(
  handlers: OldHandlers,
  { minor = 4, batches = true, port = 0, tls }: OldKmipServerOptions = {},
): Promise<OldKmipServer> {
  const { cert, key } = tls ?? (await newTls())
  const asked: OperationName[] = []
  const running = new Set<TLSSocket>()
  const answer = async (bytes: Buffer): Promise<Buffer> => {
    try {
      const request = decodeRequest(bytes)
      const { version, items } = request
      for (const { operation } of items) if (operation) asked.push(operation)
      if (Number(version.slice(2)) > minor) throw whole('this version is not spoken here', version)
      if (items.length > 1 && !batches) throw whole('one item at a time', version)
      const answered: ResponseItem[] = []
      for (const item of items) {
        const head = { operationCode: item.operationCode, uniqueBatchItemId: item.uniqueBatchItemId }
        try {
          if (!item.operation) throw new Fault('OperationNotSupported', 'unknown')
          const handler = handlers[item.operation] as ((request: unknown) => unknown) | undefined
          if (!handler) throw new Fault('OperationNotSupported', 'not here')
          const asking = decodeRequestPayload(item.operation, item.payload, request)
          const response = await handler(asking)
          answered.push({
            ...head,
            status: 'Success',
            payload: encodeResponsePayload(item.operation, response as never, version),
          })
        } catch (error) {
          if (!(error instanceof Fault)) throw error
          answered.push({ ...head, status: 'OperationFailed', reason: error.reason, message: error.message })
        }
      }
      return encodeResponse({ version, timeStamp: 1_700_000_000n, items: answered })
    } catch (error) {
      if (error instanceof RequestError) return encodeResponse(refusal(error, 1_700_000_000n))
      throw error
    }
  }
  const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
    running.add(socket)
    socket.on('error', () => {
      // Clients break off when they end.
    })
    socket.on('close', () => running.delete(socket))
    void serve(socket, answer).catch(() => socket.destroy())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    sha256: parseCertificate(cert).sha256,
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const socket of running) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function newTls(): Promise<Required<OldKmipServerOptions>['tls']> {
  const { certificate, key } = await makeServerCertificate()
  return { cert: certificate, key }
}

function whole(
  message: string,
  version: ConstructorParameters<typeof RequestError>[1]['version'],
): RequestError {
  return new RequestError(new Fault('InvalidMessage', message), { version, headerRead: true })
}

async function serve(socket: TLSSocket, answer: (bytes: Buffer) => Promise<Buffer>): Promise<void> {
  let seen = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    seen = Buffer.concat([seen, chunk])
    while (seen.length >= 8 && seen.length >= 8 + seen.readUInt32BE(4)) {
      const message = seen.subarray(0, 8 + seen.readUInt32BE(4))
      seen = seen.subarray(message.length)
      socket.write(await answer(Buffer.from(message)))
    }
  }
}
