// Set Endpoint Role (KMIP 2.1 §6.1.54): a client has the server take the client role on their connection. From the answer on the
// server asks there, and the client answers (notices.ts). The other way leaves everything as it is.

import { Fault } from '../kmip/fault.ts'
import type { RequestMessage, ResponseItem } from '../kmip/message.ts'
import { decodeRequestPayload } from '../kmip/payload.ts'
import type { Handler } from './handler.ts'

/** The connection that a message came on. */
export interface Endpoint {
  /** Whether the roles on it can change: not over HTTPS, where the one who connects asks. */
  readonly canChange: boolean
  /** The message is authenticated by a ticket. */
  readonly hasTicket: boolean
  /** Whether there is room for one more such connection of this client. */
  hasRoom(): boolean
}

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
  // The role would outlive the ticket, and what is told here is more than its rights.
  if (EndpointRole === 'Client' && endpoint.hasTicket)
    throw new Fault('PermissionDenied', 'a ticket does not change the roles: send the request without it')
  if (EndpointRole === 'Client' && !endpoint.hasRoom())
    throw new Fault('PermissionDenied', 'this client has the server role on too many connections already')
  return { EndpointRole }
}

/** Whether the message had the server take the client role. */
export function takesServerRole(request: RequestMessage, items: readonly ResponseItem[]): boolean {
  return items.some(({ status }, index) => {
    const item = request.items[index]
    if (status !== 'Success' || item?.operation !== 'SetEndpointRole') return false
    return decodeRequestPayload('SetEndpointRole', item.payload, request).EndpointRole === 'Client'
  })
}
