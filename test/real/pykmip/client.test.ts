// Another vendor's client: PyKMIP as Debian ships it (python3-pykmip), against the real server, over KMIP 1.0 to 1.4.
// What it does stands in support/pykmip/stories.py.

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

// Debian's own: another Python on the PATH does not see Debian's packages.
const python = '/usr/bin/python3'
const script = path.join(import.meta.dirname, 'stories.py')
const run = promisify(execFile)

interface Story {
  readonly story: string
  readonly error: string | null
}

test("PyKMIP's client, KMIP 1.0 to 1.4", { timeout: 300_000 }, async (t) => {
  if (spawnSync(python, ['-c', 'import kmip.pie.client']).status !== 0)
    return skipOrFail(t, "needs Debian's python3-pykmip: apt-get install python3-pykmip")
  await using server = await startServer()
  const client = await server.issue('pykmip')
  for (const minor of [0, 1, 2, 3, 4])
    await t.test(`KMIP 1.${minor}`, (inner) => tell(inner, server, client, minor))
})

async function tell(t: TestContext, { kmip }: TestServer, files: ClientFiles, minor: number): Promise<void> {
  const { certFile, keyFile, caFile } = files
  const args = [script, kmip.host, String(kmip.port), certFile, keyFile, caFile, String(minor)]
  const { stdout } = await run(python, args, { timeout: 120_000 })
  const stories = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Story)
  assert.ok(stories.length > 10, 'not all stories were told')
  for (const { story, error } of stories)
    await t.test(story, () => {
      if (error !== null) assert.fail(error)
    })
}
