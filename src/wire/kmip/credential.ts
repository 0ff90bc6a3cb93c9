// Credentials that a message may carry (KMIP 1.4 §2.1.2 and §6.6, 2.1 §9.11). core/trust/ decides whether they are required
// and valid.

import { any, bytes, dateTimeExtended, optional, text } from '../ttlv/schema.ts'
import type { Infer, ItemSchema } from '../ttlv/schema.ts'
import type { EnumName } from './enums.ts'
import { ticket } from './operation-structures.ts'
import { dependent, enumeration, struct } from './schema.ts'

// KMIP 1.4 §2.1.14
export const nonce = struct({ NonceID: bytes, NonceValue: bytes })

const values = {
  UsernameAndPassword: struct({ Username: text, Password: optional(text) }),
  Device: struct({
    DeviceSerialNumber: optional(text),
    Password: optional(text),
    DeviceIdentifier: optional(text),
    NetworkIdentifier: optional(text),
    MachineIdentifier: optional(text),
    MediaIdentifier: optional(text),
  }),
  Attestation: struct({
    Nonce: nonce,
    AttestationType: enumeration('AttestationType'),
    AttestationMeasurement: optional(bytes),
    AttestationAssertion: optional(bytes),
  }),
  OneTimePassword: struct({ Username: text, Password: optional(text), OneTimePassword: text }),
  HashedPassword: struct({
    Username: text,
    TimeStamp: dateTimeExtended,
    HashingAlgorithm: optional(enumeration('HashingAlgorithm')),
    HashedPassword: bytes,
  }),
  Ticket: struct({ Ticket: ticket }),
} as const satisfies Partial<Record<EnumName<'CredentialType'>, ItemSchema>>

const byType: ReadonlyMap<unknown, ItemSchema> = new Map(Object.entries(values))

type CredentialType = keyof typeof values

/** The credential's type determines the schema of its value. */
export type WireCredential = {
  [T in CredentialType]: { readonly CredentialType: T; readonly CredentialValue: Infer<(typeof values)[T]> }
}[CredentialType]

/** The credential of a client that has a name and a password (KMIP 1.4 §2.1.2). */
export function usernameAndPassword(login: {
  readonly username: string
  readonly password: string
}): WireCredential {
  return {
    CredentialType: 'UsernameAndPassword',
    CredentialValue: { Username: login.username, Password: login.password },
  }
}

export const credential = struct({
  CredentialType: enumeration('CredentialType'),
  CredentialValue: dependent<unknown>(({ CredentialType }) => byType.get(CredentialType) ?? any),
}) as ItemSchema<WireCredential>
