// Flags that come from the schemas of a route: what each kind of field becomes, how it is read, and which flags go together.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import type { Run } from '../../../src/doors/cli/command.ts'
import { fieldsOf } from '../../../src/doors/cli/fields.ts'
import { UsageError } from '../../../src/doors/cli/world.ts'
import { none, route } from '../../../src/doors/http/route.ts'
import { page, sha256Hex, time } from '../../../src/doors/http/schemas.ts'

const run = { time: (_flag: string, text: string) => `at ${text}` } as unknown as Run
const posted = (body: z.ZodType, query: z.ZodType = none) =>
  route({
    method: 'post',
    path: '/x',
    role: 'viewer',
    scope: 'server',
    summary: '',
    body,
    query,
    answer: z.null(),
  })

const everything = posted(
  z.strictObject({
    nameOfIt: z.string().meta({ description: 'What it is called.' }),
    count: z.int().optional(),
    sizeMax: z.int().optional(),
    delay: z.int().nullable().optional(),
    isLoud: z.boolean().default(false),
    portable: z.boolean().optional(),
    colour: z.enum(['red', 'blue']).optional(),
    state: z.enum(['PreActive', 'Active']).optional(),
    since: time.optional(),
    hash: sha256Hex.optional(),
    tags: z.array(z.string()).optional(),
  }),
  z.strictObject({ ...page, only: z.enum(['true']).optional() }),
)
const said = {
  portable: ['--portable <yes|no>', 'whether'],
  sizeMax: ['--size-max <size>', 'how much'],
  delay: ['--delay <time>', 'how long'],
  state: ['--state <state>', 'in which'],
} as const

test('each kind of field becomes a flag, and those that a command says stand first', () => {
  const { required, flags, flagOf } = fieldsOf(everything, said)
  assert.deepEqual(required, [['--name-of-it <text>', 'what it is called']])
  assert.deepEqual(
    flags.map(([flag]) => flag),
    [
      '--portable <yes|no>',
      '--size-max <size>',
      '--delay <time>',
      '--state <state>',
      '--only',
      '--count <n>',
      '--is-loud',
      '--colour <red|blue>',
      '--since <time>',
      '--hash <sha256>',
      '--tags <list>',
    ],
  )
  assert.equal(flagOf['nameOfIt'], '--name-of-it')
})

test('each is read as its schema and its word say', async () => {
  const { read } = fieldsOf(everything, said)
  const hash = 'A'.repeat(64)
  const options = { nameOfIt: 'x', count: '3', sizeMax: '1KiB', delay: '2h', isLoud: true, portable: 'no' }
  const more = { colour: 'red', state: 'active', since: 'noon', hash, tags: 'a, b', only: true }
  assert.deepEqual(await read(run, { ...options, ...more }), {
    query: { only: 'true' },
    body: {
      nameOfIt: 'x',
      count: 3,
      sizeMax: 1024,
      delay: 7200,
      isLoud: true,
      portable: false,
      colour: 'red',
      state: 'Active',
      since: 'at noon',
      hash: 'a'.repeat(64),
      tags: ['a', 'b'],
    },
  })
  for (const [wrong, message] of [
    [{ count: 'x' }, /--count takes a whole number/],
    [{ colour: 'green' }, /--colour takes red or blue/],
    [{ state: 'actve' }, /did you mean `Active`/],
  ] as const)
    await assert.rejects(read(run, wrong), { name: 'UsageError', message })
})

test('of a union one form is given, and no flag of another', async () => {
  const name = z.string()
  const union = posted(
    z.discriminatedUnion('by', [
      z.strictObject({ by: z.literal('file'), name, file: z.string(), loose: z.boolean().default(false) }),
      z.strictObject({ by: z.literal('hash'), name, hash: sha256Hex }),
    ]),
  )
  const { required, read } = fieldsOf(union, { file: ['--file <path>', 'a file'] })
  assert.deepEqual(required, [['--name <text>', '']])
  assert.deepEqual(await read(run, { name: 'n', file: 'f', loose: true }), {
    body: { by: 'file', name: 'n', file: 'f', loose: true },
  })
  for (const [options, message] of [
    [{ name: 'n' }, 'give one of --file PATH and --hash SHA256'],
    [{ file: 'f', hash: 'h' }, 'give one of --file PATH and --hash SHA256'],
    [{ hash: 'a'.repeat(64), loose: true }, '--loose belongs to --file'],
  ] as const)
    await assert.rejects(read(run, options), new UsageError(message))
})

test('a flag that no field has stands where the command names it, and is in no request', async () => {
  const body = z.strictObject({ name: z.string().optional(), colour: z.string().optional() })
  const { flags, read } = fieldsOf(posted(body), { name: 'its name', yes: ['--yes', 'do not ask'] })
  assert.deepEqual(
    flags.map(([flag]) => flag),
    ['--name <text>', '--yes', '--colour <text>'],
  )
  assert.deepEqual(await read(run, { name: 'x', yes: true }), { body: { name: 'x' } })
})
