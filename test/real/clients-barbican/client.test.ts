// OpenStack Barbican's KMIP plugin, as Debian ships it: what Barbican has it do, with both encodings of asymmetric keys.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { pythonStories } from '../../support/real-clients/python.ts'
import { tellStories } from '../../support/real-clients/site.ts'
import { skipOrFail } from '../../support/server/skip.ts'

// Debian's own: another Python on the PATH does not see Debian's packages.
const command = '/usr/bin/python3'
const program = path.join(import.meta.dirname, 'program.py')

test("Barbican's KMIP plugin", { timeout: clientTestTimeoutMs }, async (t) => {
  if (spawnSync(command, ['-c', 'import barbican.plugin.kmip_secret_store']).status !== 0)
    return skipOrFail(t, "needs Debian's python3-barbican: apt-get install python3-barbican")
  const env = { PYTHONPATH: pythonStories, PYTHONDONTWRITEBYTECODE: '1' }
  for (const encoding of ['pkcs8', 'pkcs1'])
    await t.test(encoding, (inner) =>
      tellStories(
        inner,
        { product: 'barbican', leastStories: 9 },
        { command, args: [program, encoding], env },
      ),
    )
})
