// The calls of Key Protect and HPCS that Mortise makes, each with the least service role that IAM must grant for it. Mortise may repeat
// any of them when no answer came, except `create`, which would make two keys.

import type { CallKind } from '../https/call-slots.ts'

export const calls = {
  /** Lists root keys, among which an administrator chooses. */
  list: { method: 'GET', path: '/keys', role: 'Reader', to: 'list the keys', on: 'root-key' },
  metadata: {
    method: 'GET',
    path: '/keys/{key}/metadata',
    role: 'Reader',
    to: 'look at the key',
    on: 'root-key',
  },
  wrap: {
    method: 'POST',
    path: '/keys/{key}/actions/wrap',
    role: 'Reader',
    to: 'wrap with the key',
    on: 'root-key',
    secret: 'plaintext',
    sends: 'application/vnd.ibm.kms.key_action_wrap+json',
  },
  unwrap: {
    method: 'POST',
    path: '/keys/{key}/actions/unwrap',
    role: 'Reader',
    to: 'unwrap with the key',
    on: 'root-key',
    secret: 'plaintext',
    sends: 'application/vnd.ibm.kms.key_action_unwrap+json',
    serves: true,
    follows: true,
  },
  rewrap: {
    method: 'POST',
    path: '/keys/{key}/actions/rewrap',
    role: 'Reader',
    to: 'rewrap with the key',
    on: 'root-key',
    sends: 'application/vnd.ibm.kms.key_action_rewrap+json',
  },
  /** Lists standard keys: those with one name, or all. */
  search: { method: 'GET', path: '/keys', role: 'Reader', to: 'look for standard keys', on: 'standard-key' },
  create: {
    method: 'POST',
    path: '/keys',
    role: 'Writer',
    to: 'make standard keys',
    on: 'standard-key',
    sends: 'application/vnd.ibm.kms.key+json',
    // Asks for an answer with the key in it. The form of the other answer (return=minimal) is not documented.
    prefers: 'return=representation',
    follows: true,
    once: true,
  },
  get: {
    method: 'GET',
    path: '/keys/{key}',
    role: 'ReaderPlus',
    to: 'read standard keys',
    on: 'standard-key',
    serves: true,
  },
  delete: {
    method: 'DELETE',
    path: '/keys/{key}',
    role: 'Manager',
    to: 'delete standard keys',
    on: 'standard-key',
    prefers: 'return=minimal',
  },
} as const satisfies Record<string, Call>

export type CallName = keyof typeof calls

/** Service roles of IAM. Each may do all that the one before it may. */
export type IamRole = 'Reader' | 'ReaderPlus' | 'Writer' | 'Manager'

export interface Call extends CallKind {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below /api/v2. */
  readonly path: string
  readonly role: IamRole
  /** The call's purpose, as it reads after "may not". */
  readonly to: string
  readonly on: 'root-key' | 'standard-key'
  /** The field of the answer that is a secret. */
  readonly secret?: string
  /** Content type, as Key Protect writes it; the action calls also take application/json. */
  readonly sends?: string
  readonly prefers?: string
  /** Mortise repeats the call only where it is certain that the service did not do it. */
  readonly once?: boolean
}

/** A call with every field that any call may have. */
export function callOf(name: CallName): Call {
  return calls[name]
}
