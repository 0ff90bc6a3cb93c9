// Another vendor's client, PyKMIP, over KMIP 1.0 to 1.4: 0.10 as Debian ships it (python3-pykmip), and 0.11 from PyPI.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { debianPython, installPythonClient, type PythonClient } from '../../support/real-clients/python.ts'
import { tellStories } from '../../support/real-clients/site.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const program = path.join(import.meta.dirname, 'program.py')

test('PyKMIP as Debian ships it, KMIP 1.0 to 1.4', { timeout: clientTestTimeoutMs }, async (t) => {
  if (spawnSync(debianPython.command, ['-c', 'import kmip.pie.client']).status !== 0)
    return skipOrFail(t, "needs Debian's python3-pykmip: apt-get install python3-pykmip")
  await tellVersions(t, debianPython)
})

test('PyKMIP 0.11, KMIP 1.0 to 1.4', { timeout: clientTestTimeoutMs }, async (t) => {
  const requirements = path.join(import.meta.dirname, 'requirements.txt')
  const python = await installPythonClient(t, 'pykmip', requirements)
  if (python) await tellVersions(t, python)
})

async function tellVersions(t: TestContext, python: PythonClient): Promise<void> {
  for (const minor of ['0', '1', '2', '3', '4'])
    await t.test(`KMIP 1.${minor}`, (inner) =>
      tellStories(
        inner,
        { product: 'pykmip', leastStories: 14 },
        {
          ...python,
          args: [program],
          prepare: async () => [minor],
        },
      ),
    )
}
