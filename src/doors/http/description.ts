// Serves the description of the API, for programs and for people. Making it takes a tenth of a second, so the first request
// for it has it made, in turns; no start waits for it.

import type { Hono } from 'hono'
import { inTurns, type Turns } from '../../base/parts.ts'
import type { Env } from './console.ts'
import type { DescribedApi } from './openapi.ts'
import { docsPageParts, docsPolicy } from './docs-page.ts'
import { answerDocument, publicDocument, type PublicDocument } from './documents.ts'

interface Description {
  readonly json: PublicDocument
  readonly page: PublicDocument
}

/** `api`: loads the API that is described. */
export function addDescription(app: Hono<Env>, api: () => Promise<DescribedApi>): void {
  let made: Promise<Description> | undefined
  // After a failure the next request tries again.
  const description = async (turns: Turns) => {
    try {
      return await (made ??= make(turns, api))
    } catch (error) {
      made = undefined
      throw error
    }
  }
  app.get('/api/openapi.json', async (c) => answerDocument(c, (await description(c.get('turns'))).json))
  app.get('/api/docs', async (c) => {
    c.set('policy', docsPolicy)
    return answerDocument(c, (await description(c.get('turns'))).page)
  })
}

async function make(turns: Turns, api: () => Promise<DescribedApi>): Promise<Description> {
  const { openApiParts } = await import('./openapi.ts')
  const document = await inTurns(openApiParts(await api()), turns)
  const page = await inTurns(docsPageParts(document), turns)
  await turns.turn()
  const json = JSON.stringify(document)
  return {
    json: await publicDocument(Buffer.from(json), 'application/json'),
    page: await publicDocument(Buffer.from(page), 'text/html; charset=UTF-8'),
  }
}
