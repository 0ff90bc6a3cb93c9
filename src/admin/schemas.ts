// Schemas that several parts of the route table use.

import { z } from '@hono/zod-openapi'
import { limits } from '../limits.ts'

export const time = z.iso.datetime().openapi({ example: '2026-03-01T12:00:00.000Z' })

export const shownSha256 = z
  .string()
  .openapi({ example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' })

export const pem = z.string().max(limits.certificateBytesMax)
