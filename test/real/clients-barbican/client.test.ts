// OpenStack Barbican's KMIP plugin, as Debian ships it: what Barbican has it do, with both encodings of asymmetric keys.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { debianPython } from '../../support/real-clients/python.ts'
import { printedSettings, tellStories, type ClientSite } from '../../support/real-clients/site.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const program = path.join(import.meta.dirname, 'program.py')

test("Barbican's KMIP plugin", { timeout: clientTestTimeoutMs }, async (t) => {
  if (spawnSync(debianPython.command, ['-c', 'import barbican.plugin.kmip_secret_store']).status !== 0)
    return skipOrFail(t, "needs Debian's python3-barbican: apt-get install python3-barbican")
  for (const encoding of ['pkcs8', 'pkcs1'])
    await t.test(encoding, (inner) =>
      tellStories(
        inner,
        { product: 'barbican', leastStories: 9 },
        { ...debianPython, args: [program, encoding], prepare },
      ),
    )
})

async function prepare(site: ClientSite): Promise<readonly string[]> {
  return [printedSettings('barbican', site)]
}
