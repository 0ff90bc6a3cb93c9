// Interop (KMIP 2.1 §6.1.26): a test announces its begin or end. "It SHALL NOT be available in a production server": so it needs
// the setting kmip.interop. It has no effect.

import { Fault } from '../../wire/kmip/fault.ts'
import { auditText } from './audit-text.ts'
import type { Handler } from './handler.ts'

export const interop: Handler<'Interop'> = async ({ transaction, server }, request) => {
  const { InteropFunction, InteropIdentifier } = request
  if (!server.operations.includes('Interop'))
    throw new Fault(
      'OperationNotSupported',
      'Interop is for tests: an administrator can turn it on, with kmip.interop',
    )
  if (InteropFunction === 'Reset')
    throw new Fault('FeatureNotSupported', 'this server keeps its objects: a test removes its own')
  transaction.enter('client.interop', { function: InteropFunction, test: auditText(InteropIdentifier) })
  return {}
}
