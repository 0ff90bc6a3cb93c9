// Login (KMIP 2.1 §6.1.30): issues a ticket, with which the client authenticates later requests (tickets.ts).

import type { Handler } from './handler.ts'

export const login: Handler<'Login'> = async ({ transaction, session }, request) => {
  transaction.enter('client.login')
  const Ticket = session.issue(request)
  transaction.counted(() => session.withdraw(Ticket))
  return { Ticket }
}
