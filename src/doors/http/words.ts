// The closed lists of words that requests of the API take as text, for programs that check them before they ask.

import { enums } from '../../wire/kmip/enums.ts'
import { auditActions } from '../../core/ports/audit-actions.ts'

export const auditActionNames: readonly string[] = Object.keys(auditActions)
export const keyStates = Object.keys(enums.State) as (keyof typeof enums.State)[]
export const revocationReasons = Object.keys(
  enums.RevocationReasonCode,
) as (keyof typeof enums.RevocationReasonCode)[]
