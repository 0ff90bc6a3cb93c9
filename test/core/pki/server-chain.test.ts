// The chain behind a server's own certificate: what has no place in it, and why.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { basicConstraints, keyUsage, subjectAltNames } from '../../../src/core/pki/build.ts'
import { checkServerChain } from '../../../src/core/pki/server-chain.ts'
import { makeCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'

type Options = Partial<Parameters<typeof makeCertificate>[0]>

const forCa = [basicConstraints(true), keyUsage('ca')]
const ca = (commonName: string, more: Options = {}) =>
  makeCertificate({ key: 'ec', ownKey: true, commonName, extensions: forCa, ...more })
const server = (issuer: TestIdentity, more: Options = {}) =>
  makeCertificate({ key: 'ec', issuer, extensions: [subjectAltNames(['kms.example.test'])], ...more })

const day = ({ certificate }: TestIdentity) => new Date(certificate.notAfterMs).toISOString().slice(0, 10)

const two = (subject: string, issuer: string, one: TestIdentity, other: TestIdentity) => ({
  message:
    `There are two certificates of ${subject} by ${issuer}: one is valid until ${day(other)}, one until ${day(one)}. ` +
    'Leave out the older one.',
})

function check(own: TestIdentity, ...others: readonly TestIdentity[]) {
  const paste = [own, ...others].map(({ certificate }) => certificate.pem).join('')
  return checkServerChain(paste, {
    owners: [{ privateKey: own.privateKey, names: [] }],
    fromMs: Date.now(),
  })
}

test('a CA that is here by two certificates, of two issuers, is named so: it signed one of the others', async () => {
  const [older, newer, foreign] = [await ca('older'), await ca('newer'), await ca('foreign')]
  const cross = await ca('newer', { keyPair: newer, issuer: older })
  const own = await server(newer)
  check(own, cross, older)
  check(own, newer)
  assert.throws(
    () => check(own, cross, older, newer),
    /two certificates of CN=newer: one is issued by CN=newer, one by CN=older\./,
  )
  assert.throws(
    () => check(own, newer, foreign),
    /CN=foreign has no place in the chain: it signed none of the others/,
  )
})

test('a CA or a server whose certificate was renewed by the same issuer for the same key is told apart by its dates', async () => {
  const root = await ca('root')
  const below = await ca('below', { issuer: root, toDays: 100 })
  const own = await server(below)
  const renewed = await ca('below', { keyPair: below, issuer: root, toDays: 300 })
  assert.throws(() => check(own, below, renewed, root), two('CN=below', 'CN=root', below, renewed))
  const ownRenewed = await server(below, { keyPair: own, toDays: 200 })
  const { subject } = own.certificate
  assert.throws(() => check(own, ownRenewed, below, root), two(subject, 'CN=below', own, ownRenewed))
})
