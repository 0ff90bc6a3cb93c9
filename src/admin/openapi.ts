// The OpenAPI description of the route table: what zod knows of the schemas, with each route's name, group and example.

import { OpenAPIHono } from '@hono/zod-openapi'
import { routes } from './api.ts'
import { examples } from './examples.ts'
import type { Route } from './route.ts'

const about = `Errors have one shape: {"error":{"code","message","hint","requestId"}}. Send a token as "Authorization:
Bearer ...". Times are UTC, ISO 8601. Lists that may be long come in pages: pass \`after\` as the page before gave it.`

/** What is read of the document here and by the pages made of it; it holds more. */
export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Content }>>
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}

type Content = Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>>

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: boolean | Schema
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

export interface OpenApiDocument {
  readonly openapi: string
  readonly info: { readonly title: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly securitySchemes?: unknown
  }
}

export function openApiDocument(): OpenApiDocument {
  const app = new OpenAPIHono()
  for (const { openapi } of Object.values(routes)) app.openAPIRegistry.registerPath(openapi)
  const made = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Mortise admin API', version: '1', description: about },
  }) as unknown as OpenApiDocument
  const paths = Object.entries(made.paths).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => [method, completed(path, method, operation)]),
    ),
  ])
  const securitySchemes = { bearer: { type: 'http', scheme: 'bearer' } }
  return {
    ...made,
    paths: Object.fromEntries(paths) as OpenApiDocument['paths'],
    components: { ...made.components, securitySchemes },
  }
}

function completed(path: string, method: string, operation: Operation): Operation {
  const found = Object.entries(routes).find(([, line]) => line.path === path && line.method === method)
  if (!found) return operation
  const [name, line] = found
  const { answer, body } = examples[name as keyof typeof examples] as { answer: unknown; body?: unknown }
  return {
    ...operation,
    operationId: name,
    tags: [groupOf(line)],
    ...(operation.requestBody && {
      requestBody: { ...operation.requestBody, content: withExample(operation.requestBody.content, body) },
    }),
    responses: Object.fromEntries(
      Object.entries(operation.responses).map(([status, response]) => [
        status,
        status === String(line.status)
          ? { ...response, content: withExample(response.content, answer) }
          : response,
      ]),
    ),
  }
}

function withExample(content: Content, example: unknown): Content {
  return Object.fromEntries(Object.entries(content).map(([media, of]) => [media, { ...of, example }]))
}

/** What a route is about: the last noun of its path that is no verb. */
function groupOf({ path }: Pick<Route, 'path'>): string {
  const nouns = ['keys', 'clients', 'audit', 'pending', 'blocks', 'tokens', 'server-certificate', 'instances']
  return nouns.find((noun) => path.split('/').includes(noun)) ?? 'server'
}
