// Prints docs/admin-api.md from the route table in src/doors/http/; `npm run docs` writes it.

import { describedApi } from '../src/program/routes.ts'
import { format } from 'prettier'
import { statusOf } from '../src/base/refusal.ts'
import { fieldsOf, nameOfReference, typeOf, type InputField } from '../src/doors/http/fields.ts'
import { adminBodyBytesMax } from '../src/base/bounds.ts'
import { adminPublicBodyBytesMax } from '../src/doors/http/application.ts'
import { openApiDocument, type Operation, type OpenApiSchema } from '../src/doors/http/openapi.ts'

export async function adminApiPage(): Promise<string> {
  const document = openApiDocument(await describedApi())
  const { schemas } = document.components
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const groups = [...Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? '')]
  const overview = operations.map(
    ({ path, method, operation }) =>
      `| \`${method} ${path}\` | ${cell(operation.summary)} | ${cell(operation.description)} |`,
  )
  const chapters = groups.map(
    ([group, lines]) => `## ${group}\n\n${lines.map((line) => chapter(line, schemas)).join('\n')}`,
  )
  const named = Object.entries(schemas).map(
    ([name, schema]) => `### ${name}\n\n${fieldTable(fieldsOf(schema, schemas))}`,
  )
  const page = `# The admin API

<!-- Printed from src/doors/http/ by scripts/print-admin-api.ts. Change it there. -->

HTTPS and JSON, on \`admin.listen\` (127.0.0.1:5697 unless configured). The same description, for programs, is at
\`/api/openapi.json\` of every server, and as a page at \`/api/docs\`. Everything that the command line does goes through
these routes.

- A token goes into the header \`Authorization: Bearer ...\`, never into a URL or a cookie. The first one is in the file
  \`admin-token\` of the data folder; others are made with \`mortise token create\`. A token is for one instance or for
  all; for a token of one instance the other instances do not exist.
- The server's certificate is signed by its own CA: \`admin-ca.pem\` in the data folder. So, on the machine of the server (in bash,
  which shows the token to no list of processes):

  \`\`\`sh
  cd mortise-data
  curl --cacert admin-ca.pem --header @<(echo "Authorization: Bearer $(cat admin-token)") "$(cat admin-address)/api/v1/status"
  \`\`\`

- A body has at most ${adminBodyBytesMax / 1024} KiB, and ${adminPublicBodyBytesMax / 1024} KiB on routes that need no token.
- \`Host\` must be a name that the server knows (\`admin.hosts\`).
- Times are UTC, ISO 8601. A list that may be long comes in pages: pass \`after\` as the page before gave it, until it is
  null. A page of a filtered list may be empty and still name the next.
- Each answer carries \`X-Request-Id\`, which also stands in the log and in the audit entry of what was changed.

Errors have one shape, whatever went wrong:

\`\`\`json
{ "error": { "code": "not-found", "message": "there is no instance prod", "hint": "List them: mortise instance list", "requestId": "..." } }
\`\`\`

| code | HTTP status |
| --- | --- |
${Object.entries(statusOf)
  .map(([code, status]) => `| \`${code}\` | ${String(status)} |`)
  .join('\n')}

## All routes

| route | what it does | who may |
| --- | --- | --- |
${overview.join('\n')}

${chapters.join('\n')}

## Schemas

${named.join('\n')}
`
  return format(page, { parser: 'markdown' })
}

type Schemas = Readonly<Record<string, OpenApiSchema>>

function chapter(
  { path, method, operation }: { path: string; method: string; operation: Operation },
  schemas: Schemas,
): string {
  const { summary, description, parameters = [], requestBody, responses } = operation
  const query = parameters
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, required = false, description: text, schema }) => ({
      name,
      type: typeOf(schema),
      required,
      text: text ?? schema.description ?? '',
    }))
  const bodies = Object.entries(requestBody?.content ?? {}).map(([media, { schema, example }]) =>
    media === 'application/json'
      ? `Body:\n\n${fieldTable(fieldsOf(schema, schemas))}\n${exampleText(example)}`
      : `Body: \`${media}\`.`,
  )
  const answers = Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .flatMap(([status, { content }]) =>
      Object.entries(content).map(([media, { schema, example }]) => {
        const ref = schema.$ref ?? schema.items?.$ref
        const what =
          ref === undefined
            ? ''
            : `${schema.items ? 'a list of ' : ''}[${nameOfReference(ref)}](#${nameOfReference(ref).toLowerCase()})`
        const kind = media === 'application/json' ? what : `\`${media}\``
        return `Answer ${status}${kind === '' ? '' : `, ${kind}`}:\n\n${exampleText(example, media)}`
      }),
    )
  const parts = [
    `### ${method} ${path}`,
    `${summary}. ${description}`,
    query.length === 0 ? '' : `Query:\n\n${fieldTable(query)}`,
    ...bodies,
    ...answers,
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function fieldTable(fields: readonly InputField[]): string {
  const rows = fields.map(
    ({ name, type, required, text }) =>
      `| \`${name}\`${required ? '' : ' (optional)'} | ${cell(`\`${type}\``)} | ${cell(text)} |`,
  )
  return `| name | type | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}

function exampleText(example: unknown, media = 'application/json'): string {
  const text = typeof example === 'string' ? example.trimEnd() : JSON.stringify(example, null, 2)
  return `\`\`\`${media === 'application/json' ? 'json' : ''}\n${text}\n\`\`\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
