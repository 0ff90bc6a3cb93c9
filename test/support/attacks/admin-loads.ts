// Requests that anybody, and a viewer, can send to the admin API at any time: long bodies on a route that needs no token and on one
// for viewers, the public documents, and the two longest answers that a viewer gets.

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

/** As long as a body may be: two that are costly to parse and to refuse, and one that is right. */
export const viewerBodies: Attack = async ({ admin, viewerToken }, signal) => {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${viewerToken}` }
  const path = '/api/v1/instances/neighbours/adoption-check'
  const ids = Array.from({ length: 20_000 }, (_, number) => `an identifier that no object has ${number}`)
  const lists = Buffer.from(`[${'[],'.repeat(bodyBytes / 3 - 1)}0]`)
  const bodies = [longBody(), lists, Buffer.from(JSON.stringify({ ids }))]
  await together(readConnections * 2, (number) =>
    requestLoop(admin, { method: 'POST', path, headers, body: bodies[number % bodies.length] }, signal),
  )
}

export const publicDocuments: Attack = async ({ admin }, signal) => {
  const paths = ['/api/openapi.json', '/api/docs']
  await together(readConnections, (number) =>
    requestLoop(admin, { path: paths[number % paths.length] }, signal),
  )
}

function longBody(): Buffer {
  const fields = Array.from({ length: unknownFields }, (_, number) => `"a${number}":0`).join(',')
  return Buffer.from(`{${fields}${' '.repeat(bodyBytes - fields.length - 2)}}`)
}

async function together(count: number, lane: (number: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, number) => lane(number)))
}
