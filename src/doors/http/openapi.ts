// Makes the OpenAPI 3.1 document from the route table and the examples. zod turns each schema into JSON Schema; a schema
// with an id becomes a component, to which the others refer.

import { z } from 'zod'
import type { SomeExamples } from './example.ts'
import { waitingSample } from './samples.ts'
import { waitingAnswer } from './waiting-answer.ts'
import { errorAnswer } from './error-answer.ts'
import { bytesBody, none, roles, type Route } from './route.ts'

const about = `Errors have one shape: {"error":{"code","message","hint","requestId"}}. Send a token as "Authorization:
Bearer ...". Times are UTC, ISO 8601. Lists that may be long come in pages: pass \`after\` as the page before gave it.`

/** The API that the document describes. program/routes.ts has the whole one. */
export interface DescribedApi {
  /** By name. */
  readonly routes: Readonly<Record<string, Route>>
  readonly examples: SomeExamples
}

/** The fields of an operation that the pages made of the document read. */
export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description: string
  readonly security?: readonly unknown[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: Content }>>
}

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly required?: boolean
  readonly description?: string
  readonly schema: OpenApiSchema
}

type Content = Readonly<Record<string, { readonly schema: OpenApiSchema; readonly example?: unknown }>>

export interface OpenApiSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, OpenApiSchema>>
  readonly required?: readonly string[]
  readonly items?: OpenApiSchema
  readonly additionalProperties?: boolean | OpenApiSchema
  readonly anyOf?: readonly OpenApiSchema[]
  readonly oneOf?: readonly OpenApiSchema[]
}

export interface OpenApiDocument {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, OpenApiSchema>>
    readonly securitySchemes: unknown
  }
}

type Components = Record<string, OpenApiSchema>

/** Makes the OpenAPI document. The work takes more than a tenth of a second without a pause. */
export function openApiDocument(api: DescribedApi): OpenApiDocument {
  const schemas: Components = {}
  const refused = {
    description: 'Refused or failed.',
    content: { 'application/json': { schema: jsonSchema(errorAnswer, 'output', schemas) } },
  }
  const paths: Record<string, Record<string, Operation>> = {}
  for (const [name, line] of Object.entries(api.routes)) {
    const methods = (paths[line.path] ??= {})
    const operation = operationOf(api, name, line, schemas)
    methods[line.method] = { ...operation, responses: { ...operation.responses, default: refused } }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Mortise admin API', version: '1', description: about },
    paths,
    components: { schemas, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  }
}

function operationOf({ examples }: DescribedApi, name: string, line: Route, schemas: Components): Operation {
  const example = examples[name]
  const parameters = [
    ...parametersOf('path', line.params, schemas),
    ...(line.query === none ? [] : parametersOf('query', line.query, schemas)),
  ]
  const answer = { schema: jsonSchema(line.answer, 'output', schemas), example: example?.answer }
  return {
    operationId: name,
    tags: [groupOf(line)],
    summary: line.summary,
    description: description(line),
    ...(line.scope !== 'public' && { security: [{ bearer: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(line.body !== none && {
      requestBody: { required: true, content: bodyOf(line, example?.body, schemas) },
    }),
    responses: {
      [line.status]: { description: 'Done.', content: { [line.media]: answer } },
      ...(line.guarded && { 202: waits(schemas) }),
    },
  }
}

function waits(schemas: Components) {
  const example = { approval: waitingSample, token: null }
  const schema = jsonSchema(waitingAnswer, 'output', schemas)
  return {
    description: 'Nothing is done yet: the act waits for a second person (approval.for).',
    content: { 'application/json': { schema, example } },
  }
}

function bodyOf({ body }: Route, example: unknown, schemas: Components): Content {
  if (body === bytesBody && example instanceof Uint8Array) {
    const schema = { type: 'string', format: 'binary' }
    return { 'application/octet-stream': { schema, example: Buffer.from(example).toString('latin1') } }
  }
  return { 'application/json': { schema: jsonSchema(body, 'input', schemas), example } }
}

function parametersOf(place: Parameter['in'], schema: z.ZodType, schemas: Components): Parameter[] {
  const { properties = {}, required = [] } = jsonSchema(schema, 'input', schemas)
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(property.description !== undefined && { description: property.description }),
    schema: property,
  }))
}

/** Returns a schema as JSON Schema. Schemas inside it that have an id are added to `components`. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output', components: Components): OpenApiSchema {
  const { $schema: _dialect, $defs = {}, ...root } = z.toJSONSchema(schema, { io, override: shorten })
  const asComponents = (part: unknown) =>
    JSON.parse(JSON.stringify(part).replaceAll('"#/$defs/', '"#/components/schemas/')) as OpenApiSchema
  for (const [id, definition] of Object.entries($defs)) components[id] = asComponents(definition)
  return asComponents(root)
}

function shorten({
  zodSchema,
  jsonSchema: part,
}: {
  zodSchema: z.core.$ZodTypes
  jsonSchema: z.core.JSONSchema.BaseSchema
}) {
  // zod closes the objects of answers; but a later version may add fields. Only a strict object is closed.
  if (zodSchema._zod.def.type === 'object' && !zodSchema._zod.def.catchall) delete part.additionalProperties
  // A date-time needs no pattern beside its format, nor an integer the bounds of every number in JavaScript.
  if (part.format !== undefined) delete part.pattern
  if (part.minimum === Number.MIN_SAFE_INTEGER) delete part.minimum
  if (part.maximum === Number.MAX_SAFE_INTEGER) delete part.maximum
}

function description({ role, scope, allInstances }: Pick<Route, 'role' | 'scope' | 'allInstances'>): string {
  if (scope === 'public') return 'Needs no token.'
  const forAll = scope === 'server' || allInstances
  const reach = forAll ? ', for all instances' : scope === 'instance' ? ', for this instance or all' : ''
  return `Needs a token with the role ${role}${roles.at(-1) === role ? '' : ' or higher'}${reach}.`
}

/** The heading of a route: the first of these nouns that its path has. */
function groupOf({ path }: Pick<Route, 'path'>): string {
  const nouns = [
    'keys',
    'clients',
    'audit',
    'pending',
    'blocks',
    'tokens',
    'approvals',
    'server-certificate',
    'instances',
  ]
  return nouns.find((noun) => path.split('/').includes(noun)) ?? 'server'
}
