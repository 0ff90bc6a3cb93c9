// Deactivate (KMIP 3.0, a draft): ends the use of an Active object, as a Revoke without a compromise does.

import type { Handler } from './handler.ts'

export const deactivate: Handler<'Deactivate'> = async ({ transaction, placeholder }, request) => {
  const UniqueIdentifier = placeholder.resolve(request.UniqueIdentifier)
  const { DeactivationReasonCode: code = 'Unspecified', DeactivationMessage: message } =
    request.DeactivationReason ?? {}
  await transaction.deactivate(UniqueIdentifier, { code, message })
  return { UniqueIdentifier }
}
