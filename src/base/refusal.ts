// Refusal, the error whose text is safe to send, and the table of its codes, which server and client share.
// doors/http/error-answer.ts has its form in JSON. doors/http/faults.ts makes refusals of other errors.

/** Every error code with its HTTP status. */
export const statusOf = {
  'bad-request': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'timed-out': 408,
  conflict: 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  'foreign-host': 421,
  refused: 422,
  'headers-too-large': 431,
  internal: 500,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof statusOf
export const errorCodes = Object.keys(statusOf) as [ErrorCode, ...ErrorCode[]]

/** A refusal with a text that is safe to send. The server sends it and the client throws it. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  readonly code: ErrorCode
  readonly hint: string | undefined
  constructor(code: ErrorCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}
