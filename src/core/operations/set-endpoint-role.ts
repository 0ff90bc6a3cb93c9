// Set Endpoint Role (KMIP 2.1 §6.1.54): a client gives the server the client role on their connection. After the answer the
// server sends requests there, and the client answers (notices.ts). A request for the opposite changes nothing.

import { enums } from '../../wire/kmip/enums.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import type { ResponseItem } from '../../wire/kmip/message.ts'
import { decodeResponsePayload } from '../../wire/kmip/payload.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { Handler } from './handler.ts'

export const setEndpointRole: Handler<'SetEndpointRole'> = async (
  { transaction, endpoint },
  { EndpointRole },
) => {
  transaction.enter('client.endpoint-role', { role: EndpointRole })
  if (EndpointRole === 'Client' && !endpoint.canChange)
    throw new Fault(
      'FeatureNotSupported',
      'the roles on this connection cannot change: use the port for TTLV',
    )
  // The role would outlive the ticket, and the notices would show more than its rights permit.
  if (EndpointRole === 'Client' && endpoint.hasTicket)
    throw new Fault('PermissionDenied', 'a ticket does not change the roles: send the request without it')
  if (EndpointRole === 'Client' && !endpoint.hasRoom())
    throw new Fault('PermissionDenied', 'this client has the server role on too many connections already')
  return { EndpointRole }
}

/** Whether a message of this version gave the server the client role. The answers show it: a batch may have more answers than items. */
export function takesServerRole(items: readonly ResponseItem[], version: Version): boolean {
  const dialect = { version, unknownFields: 'refuse' } as const
  return items.some(
    ({ status, operationCode, payload }) =>
      status === 'Success' &&
      operationCode === enums.Operation.SetEndpointRole.code &&
      payload !== undefined &&
      decodeResponsePayload('SetEndpointRole', payload, dialect).EndpointRole === 'Client',
  )
}
