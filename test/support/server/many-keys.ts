// Many keys of a server, made as a vCenter makes them, but in batches: for lists that are longer than a page.

import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import type { ClientFiles, EmbeddedServer } from './server.ts'

const perBatch = 100
const atOnce = 8

/** Their machines are named by `machineName`, from 0 on. Each key has one entry of the audit log. */
export async function makeManyKeys(
  { kmip }: Pick<EmbeddedServer, 'kmip'>,
  { tls }: Pick<ClientFiles, 'tls'>,
  count: number,
): Promise<void> {
  const { cert, key } = tls
  const trust = { by: 'nothing' } as const
  await using client = connectKmip({ addresses: [kmip], cert, key, trust, connectionsMax: atOnce })
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) {
        const from = next
        next += perBatch
        await client.batch(
          Array.from({ length: Math.min(perBatch, count - from) }, (_, n) => create(from + n)),
        )
      }
    }),
  )
}

function create(n: number) {
  const Attribute = [
    { AttributeName: 'Cryptographic Algorithm', AttributeValue: 'AES' },
    { AttributeName: 'Cryptographic Usage Mask', AttributeValue: 12 },
    { AttributeName: 'Cryptographic Length', AttributeValue: 256 },
    { AttributeName: 'Activation Date', AttributeValue: 1n },
    { AttributeName: 'x-Name', AttributeValue: { type: 'TextString', value: machineName(n) } },
    { AttributeName: 'x-Component', AttributeValue: { type: 'TextString', value: 'VM' } },
  ]
  const request = { ObjectType: 'SymmetricKey', TemplateAttribute: { Name: [], Attribute } } as const
  return { operation: 'Create', request } as const
}

export function machineName(n: number): string {
  return `machine-${String(n).padStart(6, '0')}`
}
