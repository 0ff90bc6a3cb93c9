// A rule of the store is a generator: one that is called without `yield*` would do nothing, and no compiler says so.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSources } from '../../support/repository/sources.ts'

/** What stands before a call whose steps somebody takes or gives on; the rest are statements of their own. */
const givenOn = /(?:yield\*|=>|=|[[(,?&|]| :|\breturn|function\*|\basync)\s*$/

test('no step is called and not taken', () => {
  const store = readSources('src/outside/store')
  const calls = callsOf(store.map(({ text }) => text))
  assert.deepEqual(
    store.flatMap(({ file, text }) => notTaken(text, calls).map((call) => `${file}: ${call}`)),
    [],
  )
})

test('such a call is found, and none that is taken', () => {
  const rules = 'function* run(\nclass AuditChain {\n  *#begin(\n  *append('
  const found = (line: string) => notTaken(`${line}\n${rules}`, callsOf([rules])).length
  for (const line of [
    "  run('a')",
    '  if (x) this.#begin()',
    'this.#chain.append(e)',
    "else run('a')",
    "case 'x': run('a')",
  ])
    assert.equal(found(line), 1, line)
  for (const line of [
    "  yield* run('a')",
    'return this.#begin()',
    's.take(chain.append(e))',
    'list.append(e)',
    "[run('a')]",
    'outrun(1)',
  ])
    assert.equal(found(line), 0, line)
})

interface Rules {
  readonly functions: readonly string[]
  /** Patterns of calls, by the last word of their class: `chain.append`. */
  readonly methods: readonly string[]
}

function callsOf(texts: readonly string[]): Rules {
  const functions = texts.flatMap((text) =>
    [...text.matchAll(/function\* (\w+)/g)].map(([, name]) => name ?? ''),
  )
  return { functions, methods: texts.flatMap(methodsOf) }
}

function methodsOf(text: string): string[] {
  const owner = /class \w*?([A-Z][a-z]+) /.exec(text)?.[1] ?? ''
  return [...text.matchAll(/^ +(?:static )?\*(\w+)\(/gm)].map(
    ([, name]) => `[\\w.#]*${owner}\\.${name ?? ''}`,
  )
}

function notTaken(text: string, { functions, methods }: Rules): string[] {
  const isHere = (name: string) =>
    new RegExp(`function\\* ${name}\\(|import \\{[^}]*\\b${name}\\b[^}]*\\} from '\\.`).test(text)
  const own = [...text.matchAll(/^ +\*(#\w+)\(/gm)].map(([, name]) => `this\\.${name ?? ''}`)
  const call = new RegExp(
    `(?<![\\w#.])(?:${[...functions.filter(isHere), ...methods, ...own].join('|')})\\(`,
    'gi',
  )
  return [...text.replaceAll(/\/\/.*|\/\*[^]*?\*\//g, '').matchAll(call)]
    .filter(({ index, input }) => !givenOn.test(input.slice(Math.max(0, index - 40), index)))
    .map(([match]) => match)
}
