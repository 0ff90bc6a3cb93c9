// Clients in Python from PyPI, in the versions and with the digests that a requirements.txt pins, for the machine's own Python.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { buildClient, skipClient } from './builds.ts'

/** The folder of stories.py, for PYTHONPATH. */
const stories = path.join(import.meta.dirname, 'python')

const notHere =
  /No matching distribution|Could not find a version|connection (?:broken|error|refused|reset)|Failed to establish|timed? ?out|Temporary failure|No module named pip|\d{3} Client Error|ProxyError/i

export interface PythonClient {
  readonly command: string
  /** With PYTHONPATH, for the packages and for stories.py. */
  readonly env: Readonly<Record<string, string>>
}

/** Debian's own, with its packages, which another Python on the PATH does not see. */
export const debianPython: PythonClient = { command: '/usr/bin/python3', env: environment(stories) }

/** `requirements` is the file that pins the packages. */
export async function installPythonClient(
  t: TestContext,
  name: string,
  requirements: string,
): Promise<PythonClient | undefined> {
  const command = 'python3'
  const { status, stdout } = spawnSync(command, ['-m', 'pip', '--version'], { encoding: 'utf8' })
  const version = /\(python ([\d.]+)\)/.exec(stdout ?? '')?.[1]
  if (status !== 0 || version === undefined) {
    skipClient(t, name, 'there is no python3 with pip (Debian: python3-pip)')
    return undefined
  }
  const packages = await buildClient(t, {
    name,
    sources: [requirements],
    script:
      '"$2" -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: --require-hashes --target "$1" -r "$3"',
    words: [command, path.basename(requirements)],
    tool: version,
    notHere,
  })
  if (packages === undefined) return undefined
  return { command, env: environment(`${packages}:${stories}`) }
}

function environment(PYTHONPATH: string): PythonClient['env'] {
  return { PYTHONPATH, PYTHONDONTWRITEBYTECODE: '1' }
}
