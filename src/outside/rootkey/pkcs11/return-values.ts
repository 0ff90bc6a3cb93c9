// The meaning of a module's return values: their names in PKCS #11, and what the caller of the root key must conclude. Vendors use some
// of them loosely, so that a value without a `reach` here counts as an outage and never as a refusal.

import { RootKeyError, type RootKeyReach } from '../../../core/ports/root-key.ts'

interface Meaning {
  readonly name: string
  /** Left out: 'unreachable'. */
  readonly reach?: RootKeyReach
  /** The session, the login or the handle is gone: a new process may succeed, without an administrator's help. */
  readonly lost?: true
  /** The meaning in words for people. */
  readonly means?: string
}

/** By number. PKCS #11 v3.1 §5.1. */
const meanings: Readonly<Record<number, Meaning>> = {
  0x02: { name: 'CKR_HOST_MEMORY' },
  0x03: { name: 'CKR_SLOT_ID_INVALID', lost: true },
  0x05: { name: 'CKR_GENERAL_ERROR' },
  0x06: { name: 'CKR_FUNCTION_FAILED' },
  0x07: { name: 'CKR_ARGUMENTS_BAD' },
  0x0a: { name: 'CKR_CANT_LOCK' },
  0x11: { name: 'CKR_ATTRIBUTE_SENSITIVE' },
  0x12: { name: 'CKR_ATTRIBUTE_TYPE_INVALID' },
  0x1b: {
    name: 'CKR_ACTION_PROHIBITED',
    reach: 'root-key',
    means: 'the policy of the token does not allow this',
  },
  0x20: { name: 'CKR_DATA_INVALID', reach: 'wrapped-form' },
  0x21: { name: 'CKR_DATA_LEN_RANGE', reach: 'wrapped-form' },
  0x30: { name: 'CKR_DEVICE_ERROR' },
  0x31: { name: 'CKR_DEVICE_MEMORY' },
  0x32: { name: 'CKR_DEVICE_REMOVED', lost: true, means: 'the token was removed' },
  0x40: { name: 'CKR_ENCRYPTED_DATA_INVALID', reach: 'wrapped-form' },
  0x41: { name: 'CKR_ENCRYPTED_DATA_LEN_RANGE', reach: 'wrapped-form' },
  0x54: { name: 'CKR_FUNCTION_NOT_SUPPORTED', reach: 'root-key', means: 'the module cannot do this' },
  0x60: { name: 'CKR_KEY_HANDLE_INVALID', lost: true },
  0x62: {
    name: 'CKR_KEY_SIZE_RANGE',
    reach: 'root-key',
    means: 'the token does not allow a key of this size',
  },
  0x63: { name: 'CKR_KEY_TYPE_INCONSISTENT', reach: 'root-key', means: 'the key is of another kind' },
  0x68: {
    name: 'CKR_KEY_FUNCTION_NOT_PERMITTED',
    reach: 'root-key',
    means:
      'the attributes of the key do not allow this (CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN)',
  },
  0x70: {
    name: 'CKR_MECHANISM_INVALID',
    reach: 'root-key',
    means: 'the token does not allow this mechanism',
  },
  0x71: {
    name: 'CKR_MECHANISM_PARAM_INVALID',
    reach: 'root-key',
    means: 'the token does not allow these parameters',
  },
  0x82: { name: 'CKR_OBJECT_HANDLE_INVALID', lost: true },
  0x90: { name: 'CKR_OPERATION_ACTIVE', lost: true },
  0x91: { name: 'CKR_OPERATION_NOT_INITIALIZED', lost: true },
  0xa0: { name: 'CKR_PIN_INCORRECT', reach: 'root-key', means: 'the PIN is wrong' },
  0xa1: { name: 'CKR_PIN_INVALID', reach: 'root-key', means: 'the token takes no such PIN' },
  0xa2: { name: 'CKR_PIN_LEN_RANGE', reach: 'root-key', means: 'the PIN is too short or too long' },
  0xa3: { name: 'CKR_PIN_EXPIRED', reach: 'root-key', means: 'the PIN has expired' },
  0xa4: { name: 'CKR_PIN_LOCKED', reach: 'root-key', means: 'the PIN is locked, after too many wrong ones' },
  0xb0: { name: 'CKR_SESSION_CLOSED', lost: true },
  0xb1: { name: 'CKR_SESSION_COUNT', means: 'the token has no session left' },
  0xb3: { name: 'CKR_SESSION_HANDLE_INVALID', lost: true },
  0xd0: { name: 'CKR_TEMPLATE_INCOMPLETE' },
  0xd1: { name: 'CKR_TEMPLATE_INCONSISTENT' },
  0xe0: { name: 'CKR_TOKEN_NOT_PRESENT', lost: true, means: 'the token is not there' },
  0xe1: { name: 'CKR_TOKEN_NOT_RECOGNIZED', lost: true },
  0xe2: { name: 'CKR_TOKEN_WRITE_PROTECTED' },
  0xf0: { name: 'CKR_UNWRAPPING_KEY_HANDLE_INVALID', lost: true },
  0x101: { name: 'CKR_USER_NOT_LOGGED_IN', lost: true },
  0x102: {
    name: 'CKR_USER_PIN_NOT_INITIALIZED',
    reach: 'root-key',
    means: 'the token has no PIN for users yet',
  },
  0x110: { name: 'CKR_WRAPPED_KEY_INVALID', reach: 'wrapped-form' },
  0x112: { name: 'CKR_WRAPPED_KEY_LEN_RANGE', reach: 'wrapped-form' },
  0x113: { name: 'CKR_WRAPPING_KEY_HANDLE_INVALID', lost: true },
  0x190: { name: 'CKR_CRYPTOKI_NOT_INITIALIZED', lost: true },
}

/** After these return values of a login, Mortise must not try the PIN again. */
const refusedPins: ReadonlySet<number> = new Set([0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0x102])

/** A call of the module that did not return CKR_OK. */
export class Pkcs11Error extends RootKeyError {
  override readonly name: string = 'Pkcs11Error'
  readonly value: number
  readonly lost: boolean

  constructor(call: string, value: number, options?: ErrorOptions) {
    const meaning = meanings[value]
    const { reach = 'unreachable', means, lost = false } = meaning ?? {}
    const named = meaning?.name ?? `0x${value.toString(16)}`
    super(
      reach,
      means === undefined ? `the token answers ${call} with ${named}` : `${means} (${call}: ${named})`,
      {
        ...options,
        altered: reach === 'wrapped-form',
      },
    )
    this.value = value
    this.lost = lost
  }

  get refusesPin(): boolean {
    return refusedPins.has(this.value)
  }
}
