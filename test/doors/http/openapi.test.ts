// The description of the admin API: the OpenAPI document, its examples, and the page at /api/docs.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { routes } from '../../../src/program/routes.ts'
import { described, examples } from '../../support/server/examples.ts'
import { fieldsOf, typeOf } from '../../../src/doors/http/fields.ts'
import { openApiDocument, type OpenApiSchema } from '../../../src/doors/http/openapi.ts'
import { none, roles, type Route } from '../../../src/doors/http/route.ts'
import { listPageMax } from '../../../src/base/bounds.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'

let door: TestDoor
before(async () => {
  door = await startDoor()
})
after(() => door.close())

const table: [string, Route][] = Object.entries(routes)

test('every route has an example of its answer and its body, and each fits the schema and nothing more', () => {
  for (const [name, line] of table) {
    const example = examples[name as keyof typeof examples] as { answer: unknown; body?: unknown }
    const answer = line.answer.safeParse(example.answer)
    assert(answer.success, `${name}: ${answer.error?.message}`)
    // Schemas cut off what they do not name: an example must not promise more.
    assert.deepEqual(answer.data, example.answer, name)
    assert.equal('body' in example, line.body !== none, name)
    if (line.body === none) continue
    const body = line.body.safeParse(example.body)
    assert(body.success, `${name}: ${body.error?.message}`)
  }
})

test('the document carries the examples, a name for each route, and no reference into nothing', () => {
  const document = openApiDocument(described)
  const names: string[] = []
  for (const methods of Object.values(document.paths))
    for (const operation of Object.values(methods)) {
      names.push(operation.operationId)
      const contents = [
        operation.requestBody?.content,
        ...Object.values(operation.responses).map((r) => r.content),
      ]
      const known = contents.flatMap((content) => Object.values(content ?? {}))
      // The last one is the error, whose example is at its schema.
      for (const content of known.slice(0, -1))
        assert.notEqual(content.example, undefined, operation.operationId)
      for (const { schema } of known)
        refsOf(schema).forEach((name) => assert(document.components.schemas[name], name))
    }
  assert.deepEqual(names.toSorted(), table.map(([name]) => name).toSorted())
})

function refsOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = '$ref' in schema ? [String(schema.$ref).replace('#/components/schemas/', '')] : []
  return [...own, ...Object.values(schema).flatMap(refsOf)]
}

test('a request shows what may be sent, an answer what comes, each with its texts', () => {
  const { paths, components } = openApiDocument(described)
  const listKeys = paths['/api/v1/instances/{instance}/keys']?.['get']
  const parameter = (name: string) => listKeys?.parameters?.find((one) => one.name === name)
  assert.deepEqual(parameter('limit'), {
    name: 'limit',
    in: 'query',
    required: false,
    description: 'At most this many.',
    schema: {
      description: 'At most this many.',
      default: 100,
      type: 'integer',
      minimum: 1,
      maximum: listPageMax,
    },
  })
  assert.equal(parameter('instance')?.required, true)
  const createToken = paths['/api/v1/tokens']?.['post']
  const body = createToken?.requestBody?.content['application/json']?.schema
  assert.deepEqual(body?.required, ['role'])
  assert.equal(body.additionalProperties, false)
  assert.deepEqual(body.properties?.['role']?.enum, roles)
  // A client must accept fields that a later version adds to an answer.
  assert.doesNotMatch(JSON.stringify(components), /"additionalProperties":false/)
  const { sha256, notAfter } = components.schemas['PendingClient']?.properties ?? {}
  assert.equal(sha256?.type, 'string')
  assert.deepEqual(notAfter?.anyOf?.map(typeOf), ['string', 'null'])
})

test('the page to read names every route, loads nothing, and its policy allows nothing but its own style', async () => {
  const { status, headers, text } = await door.ask('GET', '/api/docs')
  assert.equal(status, 200)
  assert.match(String(headers['content-type']), /^text\/html/)
  for (const [name, { path, summary }] of table) {
    assert(text.includes(`id="${name}"`), name)
    assert(text.includes(path), path)
    assert(text.includes(summary.replaceAll("'", '&#39;')), summary)
  }
  assert.doesNotMatch(
    text,
    /<script|<img|<link|<iframe|src=|@import|url\(|="?https?:\/\/|javascript:|\son\w+=|style=/,
  )
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? []
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = String(headers['content-security-policy'])
  assert(policy.includes(`style-src 'sha256-${hash}'`), policy)
  assert.match(policy, /^default-src 'none';/)
  assert.doesNotMatch(policy, /unsafe|\*|self/)
  const links = [...text.matchAll(/href="#([^"]+)"/g)].map(([, target = '']) => target)
  assert(links.length > table.length)
  for (const target of links) assert(text.includes(`id="${target}"`), target)
  assert.equal((await door.ask('POST', '/api/docs')).status, 405)
})

test('a table of fields shows components, lists, alternatives and defaults', () => {
  const schemas: Record<string, OpenApiSchema> = {
    Pet: {
      type: 'object',
      properties: { name: { type: 'string', description: 'Its name.' } },
      required: ['name'],
    },
  }
  const pet = { $ref: '#/components/schemas/Pet' }
  const names = (schema: OpenApiSchema) =>
    fieldsOf(schema, schemas).map(({ name, type }) => `${name}: ${type}`)
  assert.deepEqual(names({ type: 'array', items: pet }), ['name: string'])
  assert.deepEqual(names({ type: 'object', properties: { pets: { type: 'array', items: pet } } }), [
    'pets: Pet[]',
  ])
  assert.deepEqual(
    names({
      type: 'object',
      properties: {
        list: { type: 'array', items: { type: 'object', properties: { a: { type: ['string', 'null'] } } } },
      },
    }),
    ['list: object[]', 'list[].a: string | null'],
  )
  const either = fieldsOf(
    {
      oneOf: [
        { properties: { by: { const: 'a' }, x: { type: 'string' } } },
        { properties: { by: { const: 'b' }, y: { type: 'string', default: 'z' } } },
      ],
    },
    schemas,
  )
  assert.deepEqual(
    either.map(({ name, text }) => `${name}: ${text}`),
    ['x: With by = a.', 'y: With by = b. Default: "z".'],
  )
})

test('a whole set-up is automated from the document alone', async () => {
  const token = await door.token('manager')
  const { json } = await door.ask('GET', '/api/openapi.json')
  const document = json as ReturnType<typeof openApiDocument>
  /** By what the document says, and nothing else; `body` is its example with what is our own. */
  const call = async (operationId: string, params: Record<string, string> = {}, own: object = {}) => {
    const [path, method, operation] =
      Object.entries(document.paths)
        .flatMap(([at, methods]) => Object.entries(methods).map(([verb, line]) => [at, verb, line] as const))
        .find(([, , line]) => line.operationId === operationId) ?? assert.fail(operationId)
    const example = operation.requestBody?.content['application/json']?.example
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
    const body = example === undefined ? undefined : { ...example, ...own }
    const answer = await door.ask(method.toUpperCase(), filled, { token, body })
    assert(String(answer.status) in operation.responses, `${operationId}: ${answer.text}`)
    return answer.json as Record<string, unknown>
  }
  const { id: instance } = (await call('createInstance', {}, { name: 'automated' })) as { id: string }
  const where = { instance }
  await call('setInstance', where)
  const { certificate } = await clientCertificate('self-signed')
  const pin = { by: 'certificate', certificate: certificate.pem, sha256: undefined }
  const { id: client } = (await call('trustClient', where, pin)) as { id: string }
  await call('setClient', { ...where, client })
  await call('createToken', {}, { instance })
  const { id: key, state } = (await call('createKey', where)) as { id: string; state: string }
  assert.equal(state, 'Active')
  assert.equal((await call('revokeKey', { ...where, key }))['state'], 'Compromised')
  assert.equal((await call('destroyKey', { ...where, key }))['state'], 'DestroyedCompromised')
  assert.equal((await call('removeClient', { ...where, client }))['id'], client)
  assert.equal((await call('deleteInstance', where))['id'], instance)
})
