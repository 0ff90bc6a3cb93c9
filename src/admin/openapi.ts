// The OpenAPI description of the route table.

import type { OpenAPIHono } from '@hono/zod-openapi'

const about = `Errors have one shape: {"error":{"code","message","hint","requestId"}}. Send a token as "Authorization:
Bearer ...". Times are UTC, ISO 8601. Lists that may be long come in pages: pass \`after\` as the page before gave it.`

export function openApiDocument(app: Pick<OpenAPIHono, 'getOpenAPI31Document'>) {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Mortise admin API', version: '1', description: about },
  })
  document.components = {
    ...document.components,
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
  }
  return document
}
