// Logout (KMIP 2.1 §6.1.31): ends a ticket.

import type { Handler } from './handler.ts'

export const logout: Handler<'Logout'> = async ({ transaction, session }, { Ticket }) => {
  transaction.counted(session.revoke(Ticket))
  transaction.enter('client.logout')
  return {}
}
