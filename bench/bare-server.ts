// The least that a KMIP server in Node can be: TLS with a client certificate, messages cut by their length, and an
// answer of the right size that is always the same. What is left between this and Mortise is Mortise's own work.
// With the word `least` it also does what no Get can do without (least-get.ts). Forked by servers.ts; says its port.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { codeOf } from '../src/wire/kmip/enums.ts'
import { acceptBacklog } from '../src/base/bounds.ts'
import { encodeResponse } from '../src/wire/kmip/message.ts'
import type { OperationName, Response } from '../src/wire/kmip/operations.ts'
import { encodeResponsePayload } from '../src/wire/kmip/payload.ts'
import { openLeastGet } from './least-get.ts'

const version = '1.1'
const UniqueIdentifier = '6f1d0a3e-3f5c-4d0f-9d5c-8a1c9a3e2b11'
const Key = {
  ObjectType: 'SymmetricKey',
  UniqueIdentifier,
  SymmetricKey: {
    KeyBlock: {
      KeyFormatType: 'Raw',
      KeyValue: { KeyMaterial: Buffer.alloc(32, 7), Attribute: [] },
      CryptographicAlgorithm: 'AES',
      CryptographicLength: 256,
    },
  },
} as const

const answers = new Map<number, Buffer>()
answer('DiscoverVersions', {
  ProtocolVersion: [4, 3, 2, 1, 0].map((minor) => ({
    ProtocolVersionMajor: 1,
    ProtocolVersionMinor: minor,
  })),
})
answer('Create', { ObjectType: 'SymmetricKey', UniqueIdentifier })
answer('Get', Key)
answer('GetAttributes', {
  UniqueIdentifier,
  Attribute: [{ AttributeName: 'State', AttributeValue: 'PreActive' }],
})
answer('Locate', { UniqueIdentifier: [UniqueIdentifier] })
answer('Destroy', { UniqueIdentifier })

function answer<N extends OperationName>(operation: N, response: Response<N>): void {
  const operationCode = codeOf('Operation', operation)
  const payload = encodeResponsePayload(operation, response, version)
  const uniqueBatchItemId = Buffer.from('QLKC\x01\0\0\0', 'latin1')
  const item = { operationCode, uniqueBatchItemId, status: 'Success', payload } as const
  answers.set(operationCode, encodeResponse({ version, timeStamp: 1_700_000_000n, items: [item] }))
}

/** The place of the first batch item's Operation in a request whose header has version and Batch Count only. */
const operationAt = 88
const headerBytes = 8

const [folder = '.', word] = process.argv.slice(2)
const leastGet = word === 'least' ? await openLeastGet(folder) : undefined
const server = createServer({
  cert: readFileSync(`${folder}/server.pem`),
  key: readFileSync(`${folder}/server.pem`),
  requestCert: true,
  rejectUnauthorized: false,
  honorCipherOrder: true,
  sessionIdContext: 'bare',
  noDelay: true,
})
server.on('secureConnection', (socket) => {
  let held: Buffer = Buffer.alloc(0)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= headerBytes) {
      const whole = headerBytes + held.readUInt32BE(4)
      if (held.length < whole) return
      const found = answers.get(held.readUInt32BE(operationAt))
      if (!found) socket.destroy()
      else if (leastGet) void leastGet().then(() => socket.write(found))
      else socket.write(found)
      held = held.subarray(whole)
    }
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: acceptBacklog }, () => {
  const bound = server.address()
  process.send?.(typeof bound === 'object' && bound !== null ? bound.port : 0)
})
