// Log (KMIP 2.1 §6.1.29): writes the client's text to the audit log.

import { auditText } from './audit-text.ts'
import type { Handler } from './handler.ts'

export const log: Handler<'Log'> = async ({ transaction }, { LogMessage }) => {
  transaction.enter('client.log', { message: auditText(LogMessage) })
  return {}
}
