// The error of the admin API: one documented shape and one table of codes, shared by server and client. faults.ts
// maps what handlers throw to it.

import { z } from 'zod'

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

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.enum(errorCodes).meta({ description: 'Stable; for programs.' }),
      message: z.string().meta({ description: 'What is wrong; for people.' }),
      hint: z.string().optional().meta({ description: 'What to do about it.' }),
      requestId: z.string().meta({ description: 'Also stands in the log.' }),
    }),
  })
  .meta({
    id: 'Error',
    example: {
      error: {
        code: 'not-found',
        message: 'there is no instance prod',
        hint: 'List them: mortise instance list',
        requestId: '5b1f6d5a-6f0e-4b0e-9a53-0d8c3a1f9f0e',
      },
    },
  })

/** A refusal, safe to show. The server sends it and the client throws it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ErrorCode
  readonly hint: string | undefined
  constructor(code: ErrorCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}
