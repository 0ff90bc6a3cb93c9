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
  const leastStories = 7
  const run = (way: string) => ({ ...python, args: [program, way] })
  await tellStories(t, { product: 'mongodb-delegated', leastStories }, run('delegated'))
  await tellStories(t, { product: 'mongodb', leastStories }, run('registered'))
})
