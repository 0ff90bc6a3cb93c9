// What anybody, and a viewer, can ask of the admin API at any time: long bodies on a route that needs no token, the public
// documents, and the two longest answers that a viewer gets.

import { requestLoop } from './request-loop.ts'
import type { Attack } from './target.ts'

const bodyConnections = 40
const readConnections = 8
const unknownFields = 85_000
const bodyBytes = 1024 * 1024

/** A MiB of JSON with fields that no login has. */
export const longBodies: Attack = async ({ admin }, signal) => {
  const headers = { 'Content-Type': 'application/json' }
  const asked = { method: 'POST', path: '/api/v1/login', headers, body: longBody() }
  await together(bodyConnections, () => requestLoop(admin, asked, signal))
}

export const viewerReads: Attack = async ({ admin, viewerToken }, signal) => {
  const headers = { Authorization: `Bearer ${viewerToken}` }
  const paths = ['/metrics', '/api/v1/audit?limit=1000']
  await together(readConnections * paths.length, (number) =>
    requestLoop(admin, { path: paths[number % paths.length], headers }, signal),
  )
}

export const publicDocuments: Attack = async ({ admin }, signal) => {
  await together(readConnections, () => requestLoop(admin, { path: '/api/openapi.json' }, signal))
}

function longBody(): Buffer {
  const fields = Array.from({ length: unknownFields }, (_, number) => `"a${number}":0`).join(',')
  return Buffer.from(`{${fields}${' '.repeat(bodyBytes - fields.length - 2)}}`)
}

async function together(count: number, lane: (number: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, number) => lane(number)))
}
