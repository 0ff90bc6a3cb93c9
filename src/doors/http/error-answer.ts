// The error of the admin API in JSON: one documented shape.

import { z } from 'zod'
import { errorCodes } from '../../base/refusal.ts'

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
