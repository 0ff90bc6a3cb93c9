// PyKMIP finds the server of `mortise dev` by the configuration file that is made for it, as a project's tests would.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { spawnCli } from '../../support/server/server.ts'
import { skipOrFail } from '../../support/server/skip.ts'

const python = '/usr/bin/python3'
const story = `
import os
from kmip import enums
from kmip.pie.client import ProxyKmipClient
with ProxyKmipClient(config_file=os.environ['PYKMIP_CONFIG_FILE']) as client:
    made = [client.create(enums.CryptographicAlgorithm.AES, 256, name='the same') for _ in range(2)]
    assert len(set(made)) == 2
    for one in made:
        assert len(client.get(one).value) == 32
print('told')
`

test("PyKMIP's client creates and fetches keys by PYKMIP_CONFIG_FILE", { timeout: 120_000 }, async (t) => {
  if (spawnSync(python, ['-c', 'import kmip.pie.client']).status !== 0)
    return skipOrFail(t, "needs Debian's python3-pykmip: apt-get install python3-pykmip")
  const { code, stdout, stderr } = await spawnCli(['dev', '--for', 'pykmip', '--', python, '-c', story])
  assert.equal(stdout, 'told\n', stderr)
  assert.equal(code, 0, stderr)
})
