// Closed instances: none of their keys is used until a manager opens them again, and nothing of them is destroyed. A server is closed if
// each of its instances was closed with it.

import type { InstanceClosing, Instance } from './rows.ts'

type Closable = Pick<Instance, 'closed' | 'closedWithServer'>

/** Undefined: the instance is open. */
export function closingOf({ closedWithServer, closed }: Closable): InstanceClosing | undefined {
  return closedWithServer ?? closed
}

/** Undefined: the server is open, or has no instance. */
export function serverClosing(instances: Iterable<Closable>): InstanceClosing | undefined {
  let closing: InstanceClosing | undefined
  for (const { closedWithServer } of instances) {
    if (!closedWithServer) return undefined
    closing = closedWithServer
  }
  return closing
}

/** The reason why a node of a closed server is not ready. A condition of its own says who closed it. */
export const serverIsClosed = 'an administrator closed the server: no key is used until it is opened again'
