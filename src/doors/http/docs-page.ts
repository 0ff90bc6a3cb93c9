// Makes /api/docs, the OpenAPI document as one page for people. The page has no script and loads nothing: its policy
// allows only the style sheet inside it.

import { createHash } from 'node:crypto'
import { fieldsOf, nameOfReference, type InputField } from './fields.ts'
import type { OpenApiDocument, Operation, OpenApiSchema } from './openapi.ts'

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { margin-top: 0; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
nav ul { columns: 18rem; padding-left: 1rem; } code, pre { font-family: ui-monospace, monospace; font-size: 0.875em; }
article { margin: 1rem 0; padding: 0.25rem 1rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.75rem 0.2rem 0; border-bottom: 1px solid var(--line); }
pre { overflow-x: auto; padding: 0.5rem; border: 1px solid var(--line); border-radius: 6px; }
.method { font-weight: 700; text-transform: uppercase; }
`

/** The value of the header Content-Security-Policy. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const groups = Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? '')
  const sections: string[] = []
  for (const [group, lines] of groups) {
    sections.push(`<h2 id="${escaped(group)}">${escaped(group)}</h2>\n`)
    for (const line of lines) sections.push(article(line, document))
  }
  const index = [...groups].map(
    ([group, lines]) =>
      `<li><a href="#${escaped(group)}">${escaped(group)}</a>: ${lines
        .map(({ operation }) => link(operation.operationId))
        .join(', ')}</li>`,
  )
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) =>
      `<article id="${escaped(name)}"><h3>${escaped(name)}</h3>${table(schema, document)}</article>\n`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(document.info.title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escaped(document.info.title)}</h1>
<p>${escaped(document.info.description)}</p>
<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a>.</p>
<nav><ul>${index.join('\n')}</ul></nav>
${sections.join('')}
<h2 id="schemas">Schemas</h2>
${schemas.join('')}</body>
</html>
`
}

interface Line {
  readonly path: string
  readonly method: string
  readonly operation: Operation
}

function article({ path, method, operation }: Line, document: OpenApiDocument): string {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const inputs = parameters.map((parameter): InputField => {
    const { name, in: place, required = false, schema } = parameter
    const [field] = fieldsOf({ properties: { [name]: schema } }, document.components.schemas)
    const text = parameter.description ?? schema.description ?? ''
    return {
      name,
      type: field?.type ?? '',
      required,
      text: `${place === 'path' ? 'In the path. ' : ''}${text}`,
    }
  })
  const parts = [
    `<article id="${escaped(operationId)}"><h3>${escaped(summary)}</h3>\n`,
    `<p><code><span class="method">${escaped(method)}</span> ${escaped(path)}</code></p>\n<p>${escaped(description)}</p>\n`,
    inputs.length === 0 ? '' : fieldTable(inputs),
    ...Object.entries(requestBody?.content ?? {}).map(([media, { schema, example }]) =>
      media === 'application/json'
        ? `<h4>Body</h4>${table(schema, document)}${exampleText(example)}`
        : `<h4>Body, <code>${escaped(media)}</code></h4>`,
    ),
    ...Object.entries(responses)
      .filter(([status]) => status !== 'default')
      .flatMap(([status, { content }]) =>
        Object.entries(content).map(
          ([media, { schema, example }]) =>
            `<h4>Answer ${escaped(status)}, <code>${escaped(media)}</code></h4>${answerText(schema, document)}${exampleText(example)}`,
        ),
      ),
    '</article>\n',
  ]
  return parts.join('')
}

/** Links to a named schema, and shows any other. */
function answerText(schema: OpenApiSchema, document: OpenApiDocument): string {
  const ref = schema.$ref ?? schema.items?.$ref
  if (ref === undefined) return table(schema, document)
  return `<p>${schema.items ? 'A list of ' : ''}${link(nameOfReference(ref))}</p>`
}

function table(schema: OpenApiSchema, { components }: OpenApiDocument): string {
  const fields = fieldsOf(schema, components.schemas)
  return fields.length === 0 ? '' : fieldTable(fields)
}

function fieldTable(fields: readonly InputField[]): string {
  const rows = fields.map(
    ({ name, type, required, text }) =>
      `<tr><td><code>${escaped(name)}</code>${required ? '' : ' (optional)'}</td><td><code>${escaped(type)}</code></td><td>${escaped(text)}</td></tr>`,
  )
  return `<table><tr><th>name</th><th>type</th><th>meaning</th></tr>${rows.join('')}</table>\n`
}

function exampleText(example: unknown): string {
  if (example === undefined) return ''
  const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2)
  return `<details><summary>Example</summary><pre>${escaped(text)}</pre></details>\n`
}

function link(name: string): string {
  return `<a href="#${escaped(name)}">${escaped(name)}</a>`
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`)
}
