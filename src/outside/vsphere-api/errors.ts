// The one error of this room. Its message is for people: plain English, with vCenter's own words in it, which are bounded and free of
// control characters (`soap.ts`). Neither a message nor a hint has a password, a private key or the content of a request.

/**
 * `unreachable`: no connection, or vCenter's services are down. `certificate`: vCenter shows another certificate than the trusted one.
 * `login`: vCenter refuses the user and password, or the session has ended. `privilege`: the user may not do this. `fault`: vCenter
 * refuses the call for another reason. `answer`: vCenter answers too late, too much, or something that is not its API.
 */
export type VsphereErrorKind = 'unreachable' | 'certificate' | 'login' | 'privilege' | 'fault' | 'answer'

export interface VsphereErrorOptions extends ErrorOptions {
  /** The type of vCenter's fault. */
  readonly fault?: string | undefined
  readonly hint?: string | undefined
}

export class VsphereError extends Error {
  override readonly name = 'VsphereError'
  readonly kind: VsphereErrorKind
  /** The type of vCenter's fault: `InvalidLogin`, `NotAuthenticated`, `NoPermission`, `InvalidArgument`. */
  readonly fault: string | undefined
  /** Advice for the administrator. */
  readonly hint: string | undefined

  constructor(kind: VsphereErrorKind, message: string, options: VsphereErrorOptions = {}) {
    super(message, options)
    this.kind = kind
    this.fault = options.fault
    this.hint = options.hint
  }
}

/** Whether vCenter refused the password, so that the next try may lock the account. */
export function isPasswordRefusal(error: unknown): boolean {
  return error instanceof VsphereError && passwordFaults.has(error.fault ?? '')
}

/** Whether it concerns every call to this vCenter, and not what one call asks for. */
export function isVsphereTrouble({ kind }: VsphereError): boolean {
  return kind === 'unreachable' || kind === 'certificate' || kind === 'login'
}

export function isNotAuthenticated(error: unknown): boolean {
  return error instanceof VsphereError && error.fault === 'NotAuthenticated'
}

const passwordFaults: ReadonlySet<string> = new Set(['InvalidLogin', 'PasswordExpired'])
