// Answers as JSON, encoded in parts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { routes } from '../../../src/program/routes.ts'
import { encodeAnswer } from '../../../src/doors/http/encode-answer.ts'
import { examples } from '../../support/server/examples.ts'
import type { Route } from '../../../src/doors/http/route.ts'
import { whole } from '../../../src/base/parts.ts'

/** The work and how often it pauses. */
function counted(schema: z.ZodType, value: unknown): { readonly text: string; readonly pauses: number } {
  const parts = encodeAnswer(schema, value)
  for (let pauses = 0; ; pauses++) {
    const step = parts.next()
    if (step.done) return { text: step.value, pauses }
  }
}

test('the answer of every route reads as if it were checked and encoded in one go', () => {
  for (const [name, { answer, media }] of Object.entries(routes) as [keyof typeof routes, Route][]) {
    if (media !== 'application/json') continue
    const value: unknown = examples[name].answer
    assert.equal(whole(encodeAnswer(answer, value)), JSON.stringify(answer.parse(value)), name)
  }
})

test('a page of the audit pauses at each entry', () => {
  const { answer } = routes.listAudit
  const [entry] = examples.listAudit.answer.entries
  const page = { after: '7', entries: Array.from({ length: 1_000 }, () => ({ ...entry, more: 1 })) }
  const { text, pauses } = counted(answer, page)
  assert.equal(pauses, 1_000)
  assert.equal(text, JSON.stringify(answer.parse(page)))
})

test('a field that no schema names is left out of entries, and a wrong entry is an error', () => {
  const schema = z.object({ a: z.string().optional(), list: z.array(z.object({ n: z.int() })) })
  assert.equal(whole(encodeAnswer(schema, { b: 1, list: [{ n: 1, secret: 2 }] })), '{"list":[{"n":1}]}')
  assert.equal(whole(encodeAnswer(schema.shape.list, [])), '[]')
  assert.throws(() => whole(encodeAnswer(schema, { list: [{ n: 'x' }] })), z.ZodError)
  assert.throws(() => whole(encodeAnswer(z.array(z.int()).max(1), [1, 2])), z.ZodError)
})
