// MongoDB's client-side encryption (pymongocrypt with libmongocrypt, from PyPI) with Mortise as its KMIP server, as a driver uses it:
// the master key delegated to the server, and registered by the driver.

import path from 'node:path'
import { test } from 'node:test'
import { clientTestTimeoutMs } from '../../support/real-clients/builds.ts'
import { installPythonClient } from '../../support/real-clients/python.ts'
import { tellStories } from '../../support/real-clients/site.ts'

test("MongoDB's client-side encryption", { timeout: clientTestTimeoutMs }, async (t) => {
  const requirements = path.join(import.meta.dirname, 'requirements.txt')
  const python = await installPythonClient(t, 'pymongocrypt', requirements)
  if (python === undefined) return
  const program = path.join(import.meta.dirname, 'program.py')
  const client = 'MongoDB'
  await tellStories(t, { client, leastStories: 7 }, { ...python, args: [program, 'delegated'] })
  await tellStories(
    t,
    { client, allow: ([, registered]) => registered, leastStories: 7 },
    { ...python, args: [program, 'registered'] },
  )
})
