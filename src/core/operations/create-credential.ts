// Create Credential (KMIP 3.0, a draft): stores a password, or a certificate as an ordinary object. system-objects.ts says how
// little such an object does.

import { Fault } from '../../wire/kmip/fault.ts'
import type { Handler } from './handler.ts'
import { register } from './register.ts'
import { keepSystemObject } from './system-objects.ts'

export const createCredential: Handler<'CreateCredential'> = async (context, request) => {
  const { CredentialType, Attributes, PasswordCredential, Certificate } = request
  if (CredentialType === 'Certificate')
    return register(context, {
      ObjectType: 'Certificate',
      Attributes: Attributes ?? { Attribute: [] },
      Certificate,
    })
  if (CredentialType !== 'Password')
    throw new Fault('FeatureNotSupported', `this server keeps no credentials of the type ${CredentialType}`)
  if (!PasswordCredential) throw new Fault('InvalidMessage', 'the request has no Password Credential')
  const password = Buffer.from(PasswordCredential.Password)
  try {
    return {
      UniqueIdentifier: await keepSystemObject(context, 'PasswordCredential', request, password),
    }
  } finally {
    password.fill(0)
  }
}
