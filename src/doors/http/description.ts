// Serves the description of the API, for programs and for people. The first request for it has it made on another thread; no
// start waits for it.

import type { Hono } from 'hono'
import { answerDocument, type Env } from './documents.ts'
import type { ApiDescription } from './schema-messages.ts'

/** `make`: makes the description. */
export function addDescription(app: Hono<Env>, make: () => Promise<ApiDescription>): void {
  let made: Promise<ApiDescription> | undefined
  // After a failure the next request tries again.
  const description = async () => {
    try {
      return await (made ??= make())
    } catch (error) {
      made = undefined
      throw error
    }
  }
  app.get('/api/openapi.json', async (c) => answerDocument(c, (await description()).json))
  app.get('/api/docs', async (c) => {
    const { page, policy } = await description()
    c.set('policy', policy)
    return answerDocument(c, page)
  })
}
