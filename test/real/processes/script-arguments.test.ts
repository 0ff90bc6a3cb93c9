// The scripts behind `npm run` say how they are called, and begin nothing where they are called wrongly.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { suite, test } from 'node:test'
import manifest from '../../../package.json' with { type: 'json' }

const root = path.resolve(import.meta.dirname, '../../..')
const scripts = [
  'bench',
  'conformance',
  'demo',
  'fuzz',
  'fuzz:wire',
  'key-protect-fake',
  'model',
  'mutants',
  'old-data',
  'ova-check',
  'package',
  'path-of-get',
  'release',
  'soak',
  'upgrade-check',
  'vulnerabilities',
] as const

interface Said {
  readonly code: unknown
  readonly stdout: string
  readonly stderr: string
}

/** Runs what `npm run` would run. */
function said(name: (typeof scripts)[number], word: string): Promise<Said> {
  const [, ...words] = manifest.scripts[name].split(' ')
  const { promise, resolve } = Promise.withResolvers<Said>()
  execFile(process.execPath, [...words, word], { cwd: root }, (error, stdout, stderr) =>
    resolve({ code: error?.code ?? 0, stdout, stderr }),
  )
  return promise
}

suite('arguments of scripts', { concurrency: 2 }, () => {
  for (const name of scripts)
    test(name, async () => {
      const help = await said(name, '--help')
      assert.deepEqual([help.code, help.stderr], [0, ''])
      assert.match(help.stdout, new RegExp(`^usage: npm run (-s )?${name}\\b`))
      const wrong = await said(name, '--nonsense')
      assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
      assert.match(wrong.stderr, /^Unknown option '--nonsense'/)
      if (name !== 'soak') assert.match(wrong.stderr, /^[^\n]*Usage: npm run [^\n]*\n$/)
    })
})
