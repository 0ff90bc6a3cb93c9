// The table of the operations that this server handles. Dispatch, permissions, Query and the conformance page read it.

import type { OperationName, Request } from '../../wire/kmip/operations.ts'
import type { Version } from '../../wire/kmip/version.ts'
import type { AuditAction } from '../ports/audit-actions.ts'
import { activate } from './activate.ts'
import { addAttribute } from './add-attribute.ts'
import { adjustAttribute } from './adjust-attribute.ts'
import { archive } from './archive.ts'
import { delegatedLogin } from './delegated-login.ts'
import { interop } from './interop.ts'
import { log } from './log.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { ping } from './ping.ts'
import { processRequest } from './process.ts'
import { queryAsynchronousRequests } from './query-asynchronous-requests.ts'
import { cancel } from './cancel.ts'
import { certify, isForSentRequest } from './certify.ts'
import { check } from './check.ts'
import { createCredential } from './create-credential.ts'
import { createGroup } from './create-group.ts'
import { createUser } from './create-user.ts'
import { createKeyPair } from './create-key-pair.ts'
import { createSplitKey, makesItsKey } from './create-split-key.ts'
import { create } from './create.ts'
import { deactivate } from './deactivate.ts'
import { decapsulate } from './decapsulate.ts'
import { deleteAttribute } from './delete-attribute.ts'
import { deriveKey } from './derive-key.ts'
import { destroy } from './destroy.ts'
import { discoverVersions } from './discover-versions.ts'
import { getAttributeList } from './get-attribute-list.ts'
import { getAttributes } from './get-attributes.ts'
import { getConstraints } from './get-constraints.ts'
import { get } from './get.ts'
import type { Handler } from './handler.ts'
import { joinSplitKey } from './join-split-key.ts'
import { locate } from './locate.ts'
import { modifyAttribute } from './modify-attribute.ts'
import { obtainLease } from './obtain-lease.ts'
import { pkcs11 } from './pkcs11.ts'
import { poll } from './poll.ts'
import { query } from './query.ts'
import { reCertify } from './re-certify.ts'
import { reKey } from './re-key.ts'
import { reProvision } from './re-provision.ts'
import { recover } from './recover.ts'
import { reKeyKeyPair } from './re-key-key-pair.ts'
import { register } from './register.ts'
import { validate } from './validate.ts'
import { decrypt } from './decrypt.ts'
import { encapsulate } from './encapsulate.ts'
import { encrypt } from './encrypt.ts'
import { exportObject } from './export.ts'
import { getUsageAllocation } from './get-usage-allocation.ts'
import { hash } from './hash.ts'
import { importObject } from './import.ts'
import { mac } from './mac.ts'
import { macVerify } from './mac-verify.ts'
import { rngRetrieve } from './rng-retrieve.ts'
import { rngSeed } from './rng-seed.ts'
import { revoke } from './revoke.ts'
import { setAttribute } from './set-attribute.ts'
import { setConstraints } from './set-constraints.ts'
import { setDefaults } from './set-defaults.ts'
import { setEndpointRole } from './set-endpoint-role.ts'
import { sign } from './sign.ts'
import { signatureVerify } from './signature-verify.ts'

export interface Handled<N extends OperationName> {
  readonly handler: Handler<N>
  /** Null: the operation touches no key, has no audit entry, and is open to every client. */
  readonly action: AuditAction | null
  /** Whether the request names one object, as Unique Identifier or by the ID Placeholder. */
  readonly onObject: boolean
  /** Whether this request, which names no object, concerns none, so that the ID Placeholder does not matter. */
  readonly standsAlone?: (request: Request<N>, version: Version) => boolean
}

/** Names in alphabetical order. */
export const handlers = {
  Activate: { handler: activate, action: 'key.activate', onObject: true },
  AddAttribute: { handler: addAttribute, action: 'key.attribute.add', onObject: true },
  AdjustAttribute: { handler: adjustAttribute, action: 'key.attribute.adjust', onObject: true },
  Archive: { handler: archive, action: 'key.archive', onObject: true },
  Cancel: { handler: cancel, action: null, onObject: false },
  Certify: {
    handler: certify,
    action: 'certificate.certify',
    onObject: true,
    standsAlone: isForSentRequest,
  },
  Check: { handler: check, action: 'key.check', onObject: true },
  Create: { handler: create, action: 'key.create', onObject: false },
  CreateCredential: { handler: createCredential, action: 'key.register', onObject: false },
  CreateGroup: { handler: createGroup, action: 'key.register', onObject: false },
  CreateKeyPair: { handler: createKeyPair, action: 'key.create-pair', onObject: false },
  CreateSplitKey: {
    handler: createSplitKey,
    action: 'key.split',
    onObject: true,
    standsAlone: makesItsKey,
  },
  CreateUser: { handler: createUser, action: 'key.register', onObject: false },
  Deactivate: { handler: deactivate, action: 'key.revoke', onObject: true },
  Decapsulate: { handler: decapsulate, action: 'key.decapsulate', onObject: true },
  Decrypt: { handler: decrypt, action: 'key.decrypt', onObject: true },
  DelegatedLogin: { handler: delegatedLogin, action: 'client.login', onObject: false },
  DeleteAttribute: { handler: deleteAttribute, action: 'key.attribute.delete', onObject: true },
  DeriveKey: { handler: deriveKey, action: 'key.derive', onObject: false },
  Destroy: { handler: destroy, action: 'key.destroy', onObject: true },
  DiscoverVersions: { handler: discoverVersions, action: null, onObject: false },
  Encapsulate: { handler: encapsulate, action: 'key.encapsulate', onObject: true },
  Encrypt: { handler: encrypt, action: 'key.encrypt', onObject: true },
  Export: { handler: exportObject, action: 'key.get', onObject: true },
  Get: { handler: get, action: 'key.get', onObject: true },
  GetAttributeList: { handler: getAttributeList, action: 'key.attributes', onObject: true },
  GetAttributes: { handler: getAttributes, action: 'key.attributes', onObject: true },
  GetConstraints: { handler: getConstraints, action: 'instance.constraints', onObject: false },
  GetUsageAllocation: { handler: getUsageAllocation, action: 'key.allocate', onObject: true },
  Hash: { handler: hash, action: 'crypto.hash', onObject: false },
  Import: { handler: importObject, action: 'key.import', onObject: true },
  Interop: { handler: interop, action: 'client.interop', onObject: false },
  JoinSplitKey: { handler: joinSplitKey, action: 'key.join', onObject: false },
  Locate: { handler: locate, action: 'key.locate', onObject: false },
  Log: { handler: log, action: 'client.log', onObject: false },
  Login: { handler: login, action: 'client.login', onObject: false },
  Logout: { handler: logout, action: 'client.logout', onObject: false },
  MAC: { handler: mac, action: 'key.mac', onObject: true },
  MACVerify: { handler: macVerify, action: 'key.mac-verify', onObject: true },
  ModifyAttribute: { handler: modifyAttribute, action: 'key.attribute.modify', onObject: true },
  ObtainLease: { handler: obtainLease, action: 'key.lease', onObject: true },
  PKCS_11: { handler: pkcs11, action: 'client.pkcs11', onObject: false },
  Ping: { handler: ping, action: null, onObject: false },
  Poll: { handler: poll, action: null, onObject: false },
  Process: { handler: processRequest, action: null, onObject: false },
  Query: { handler: query, action: null, onObject: false },
  QueryAsynchronousRequests: { handler: queryAsynchronousRequests, action: null, onObject: false },
  RNGRetrieve: { handler: rngRetrieve, action: 'crypto.random', onObject: false },
  RNGSeed: { handler: rngSeed, action: 'crypto.seed', onObject: false },
  ReCertify: { handler: reCertify, action: 'certificate.re-certify', onObject: true },
  ReKey: { handler: reKey, action: 'key.re-key', onObject: true },
  ReKeyKeyPair: { handler: reKeyKeyPair, action: 'key.rekey-pair', onObject: false },
  ReProvision: { handler: reProvision, action: 'client.re-provision', onObject: false },
  Recover: { handler: recover, action: 'key.recover', onObject: true },
  Register: { handler: register, action: 'key.register', onObject: false },
  Revoke: { handler: revoke, action: 'key.revoke', onObject: true },
  SetAttribute: { handler: setAttribute, action: 'key.attribute.set', onObject: true },
  SetConstraints: { handler: setConstraints, action: 'instance.set-constraints', onObject: false },
  SetDefaults: { handler: setDefaults, action: 'instance.set-defaults', onObject: false },
  SetEndpointRole: { handler: setEndpointRole, action: 'client.endpoint-role', onObject: false },
  Sign: { handler: sign, action: 'key.sign', onObject: true },
  SignatureVerify: { handler: signatureVerify, action: 'key.signature-verify', onObject: true },
  Validate: { handler: validate, action: 'certificate.validate', onObject: false },
} as const satisfies { readonly [N in OperationName]?: Handled<N> }

export type HandledOperation = keyof typeof handlers

export const handledOperations = Object.keys(handlers) as readonly HandledOperation[]

/** Undefined for an operation that this server does not handle. The result is untyped; the table has the types. */
export function handled(operation: OperationName): Handled<OperationName> | undefined {
  const table: { readonly [N in OperationName]?: unknown } = handlers
  return table[operation] as Handled<OperationName> | undefined
}
