// Login (KMIP 2.1 §6.1.30): a ticket with which the client authenticates later requests. tickets.ts says what it is worth.

import type { Handler } from './handler.ts'

export const login: Handler<'Login'> = async ({ transaction, session }, request) => {
  transaction.enter('client.login')
  const Ticket = session.issue(request)
  transaction.counted(() => session.withdraw(Ticket))
  return { Ticket }
}
