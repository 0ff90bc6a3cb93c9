// Delegated Login (KMIP 2.1 §6.1.12): a ticket that permits only what its rights name.

import type { Handler } from './handler.ts'

export const delegatedLogin: Handler<'DelegatedLogin'> = async ({ transaction, session }, request) => {
  transaction.enter('client.login', { rights: request.Rights.Right.length })
  const Ticket = session.issue(request)
  transaction.counted(() => session.withdraw(Ticket))
  return { Ticket }
}
