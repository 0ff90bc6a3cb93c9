// A client's user name and password: a right one is checked once, a wrong one delays its address.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { hashCredential, matchesCredential } from '../../../src/core/trust/credential.ts'
import type { Credential } from '../../../src/core/trust/rows.ts'
import { CredentialGate } from '../../../src/doors/kmip/credential-gate.ts'
import type { Peer } from '../../../src/doors/kmip/contract.ts'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { enums } from '../../../src/wire/kmip/enums.ts'
import { drafts } from '../../../src/wire/kmip/version.ts'
import { decodeRequest } from '../../../src/wire/kmip/message.ts'
import { operationExistsIn, type OperationName } from '../../../src/wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { guessPauseMs, guessPauseMsMax, guessesFreeMax } from '../../../src/doors/kmip/credential-gate.ts'

let credential: Credential
before(async () => {
  credential = await hashCredential('required', 'vcenter', 'right')
})

/** `try`: a Get with this password, on a connection of its own; what it is refused with. */
function gate() {
  const clock = { nowMs: 1_000 }
  let checks = 0
  const counted: typeof matchesCredential = (...given) => {
    checks += 1
    return matchesCredential(...given)
  }
  const opened = new CredentialGate(counted, () => clock.nowMs)
  const attempt = async (password: string, address = '192.0.2.1', id = 'client-1') => {
    return (await opened.check(peerAt(address), id, credential, getWith(password)))?.message
  }
  return { opened, clock, attempt, checks: () => checks }
}

function peerAt(address: string): Peer {
  const tls = { tlsVersion: 'TLSv1.2', cipher: 'any', resumed: false }
  return { connectionId: 'c1', address, port: 1, certificate: null, ...tls }
}

function withoutCredential(...operations: readonly OperationName[]) {
  const version = (['1.4', '2.1', '3.0'] as const).find((one) =>
    operations.every((operation) => operationExistsIn(operation, one)),
  )
  assert.ok(version !== undefined)
  const payload = encodeRequestPayload('Get', { UniqueIdentifier: 'key' }, version)
  const items = operations.map((operation) => ({ operation, payload }))
  return decodeRequest(encodeRequest({ version, items }), drafts)
}

function getWith(Password: string) {
  const payload = encodeRequestPayload('Get', { UniqueIdentifier: 'key' }, '1.1')
  const credentials = [
    { CredentialType: 'UsernameAndPassword', CredentialValue: { Username: 'vcenter', Password } },
  ] as const
  return decodeRequest(encodeRequest({ version: '1.1', credentials, items: [{ operation: 'Get', payload }] }))
}

const wrong = 'the user name or password is wrong'
const slowed = /^too many wrong passwords from this address: the next is checked in \d+ s$/

test('required: every operation needs the password but those that look, and note attributes', async () => {
  const { opened } = gate()
  const refusal = async (mode: Credential['mode'], ...operations: OperationName[]) =>
    (
      await opened.check(
        peerAt('192.0.2.1'),
        'client-1',
        { ...credential, mode },
        withoutCredential(...operations),
      )
    )?.message
  const exempt = new Set<string>()
  for (const operation of Object.keys(enums.Operation) as OperationName[]) {
    const message = await refusal('required', operation)
    if (message === undefined) exempt.add(operation)
    else assert.equal(message, 'this client must send its user name and password with this operation')
    assert.equal(await refusal('when-sent', operation), undefined)
  }
  const looking = ['AddAttribute', 'Check', 'DiscoverVersions', 'GetAttributeList', 'GetAttributes', 'Locate']
  assert.deepEqual([...exempt].toSorted(), [...looking, 'Query'])
  assert.notEqual(await refusal('required', 'GetAttributes', 'Get'), undefined)
  assert.equal(await refusal('required', 'GetAttributes', 'AddAttribute'), undefined)
})

test('what was right is not checked again, on no connection and from no address', async () => {
  const { attempt, checks } = gate()
  for (const address of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '2001:db8::1'])
    assert.equal(await attempt('right', address), undefined)
  assert.equal(checks(), 1)
})

test('after a few wrong passwords an address waits twice as long with each, and nobody else does', async () => {
  const { attempt, checks, clock } = gate()
  for (let guess = 0; guess < guessesFreeMax; guess++) assert.equal(await attempt(`guess ${guess}`), wrong)
  for (let pauseMs = guessPauseMs; pauseMs <= guessPauseMsMax; pauseMs *= 2) {
    const before = checks()
    clock.nowMs += pauseMs - 1
    assert.match((await attempt(`too early ${pauseMs}`)) ?? '', slowed)
    assert.match((await attempt('right')) ?? '', slowed)
    assert.equal(checks(), before, 'they are not checked')
    clock.nowMs += 1
    assert.equal(await attempt(`in time ${pauseMs}`), wrong)
  }
  clock.nowMs += guessPauseMsMax - 1
  assert.match((await attempt('once more')) ?? '', slowed)
  assert.equal(await attempt('guess', '192.0.2.2'), wrong)
  assert.equal(await attempt('guess', '192.0.2.1', 'client-2'), wrong)
  assert.equal(await attempt('right', '192.0.2.2'), undefined)
  assert.equal(await attempt('right'), undefined, 'it is known to be right now')
})

test('guesses that come all at once are checked one after the other', async () => {
  const { attempt, checks } = gate()
  const told = await Promise.all(Array.from({ length: 50 }, (_, index) => attempt(`guess ${index}`)))
  assert.equal(checks(), guessesFreeMax)
  assert.equal(told.filter((message) => message === wrong).length, guessesFreeMax)
  assert.equal(told.filter((message) => slowed.test(message ?? '')).length, 50 - guessesFreeMax)
})

test('an IPv6 network of one machine is one address', async () => {
  const { attempt } = gate()
  for (let host = 1; host <= guessesFreeMax; host++)
    assert.equal(await attempt(`guess ${host}`, `2001:db8:1:2::${host}`), wrong)
  assert.match((await attempt('guess', '2001:db8:1:2::ffff')) ?? '', slowed)
  assert.equal(await attempt('guess', '2001:db8:1:3::1'), wrong)
})

test('whoever repeats an old password guesses nothing, and is let in with the new one at once', async () => {
  const { attempt, checks } = gate()
  for (let time = 0; time < 100; time++) assert.equal(await attempt('old'), wrong)
  assert.equal(checks(), 1)
  assert.equal(await attempt('right'), undefined)
  for (let guess = 0; guess < guessesFreeMax; guess++) assert.equal(await attempt(`guess ${guess}`), wrong)
})
