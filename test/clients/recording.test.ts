// What the tests of real clients say when a client stumbles: the last answer that it got, decoded.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { once } from 'node:events'
import { openSession } from '../support/clients/kmip-session.ts'
import { openRecordingRelay } from '../support/real-clients/recording.ts'
import { lastExchange } from '../support/real-clients/site.ts'
import { startEmbedded } from '../support/server/server.ts'

test('a relay records what a client and Mortise say, and shows its own CA', async () => {
  await using server = await startEmbedded()
  const files = await server.issue('client')
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-recording-'))
  try {
    await using relay = await openRecordingRelay({ ...server.kmip, files, folder })
    assert.match(lastExchange(relay.recording), /sent no request/)
    using session = await openSession(relay.port, relay.files)
    await session.ask('1.2', 'Query', { QueryFunction: ['QueryOperations'] })
    assert.equal(await session.refused('1.2', 'Get', { UniqueIdentifier: 'nothing' }), 'ItemNotFound')
    assert.equal(relay.recording.length, 2)
    const told = lastExchange(relay.recording)
    assert.match(told, /<Operation type="Enumeration" value="Get"\/>.*value="nothing"/s)
    assert.match(told, /Mortise's answer:.*<ResultReason type="Enumeration" value="ItemNotFound"\/>/s)

    const ca = readFileSync(relay.files.caFile)
    const socket = connect({ ...files.tls, ca, host: '127.0.0.1', port: relay.port })
    await once(socket, 'secureConnect')
    socket.destroy()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
