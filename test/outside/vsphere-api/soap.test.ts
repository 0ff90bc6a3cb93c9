// Faults of vCenter as errors: their kind, the privileges that are missing, and words that are bounded and clean.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPasswordRefusal, type VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { faultError, soapAnswer, vcenterWords } from '../../../src/outside/vsphere-api/soap.ts'
import { readXml, type XmlElement } from '../../../src/outside/vsphere-api/xml.ts'

function read(text: string): XmlElement {
  return readXml(Buffer.from(text), { bytesMax: 1_000_000, elementsMax: 10_000 })
}

function detail(name: string, fields = ''): XmlElement {
  const text = `<d xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><f i:type="${name}">${fields}</f></d>`
  const [fault] = read(text).children
  assert.ok(fault)
  return fault
}

function errorOf(name: string): VsphereError {
  return faultError('Do', detail(name), 'words')
}

function lack(id: string, ...privileges: readonly string[]): string {
  const ids = privileges.map((name) => `<privilegeIds>${name}</privilegeIds>`)
  return `<missingPrivileges><entity type="VirtualMachine">${id}</entity>${ids.join('')}</missingPrivileges>`
}

test('words of vCenter are on one line, bounded, and without control and format characters', () => {
  assert.equal(vcenterWords('  a\r\n b\u001b[31m\u202ec\u2028d\u0000 '), 'a b [31m c d')
  const long = vcenterWords('x'.repeat(100_000))
  assert.equal(long, `${'x'.repeat(500)}...`)
  const { message } = faultError(
    'Do',
    detail('InvalidArgument'),
    `\u001b]0;title\u0007${'y'.repeat(1_000_000)}`,
  )
  assert.ok(message.length < 600)
  assert.doesNotMatch(message, /\p{Cc}/u)
})

test('the kind of an error is that of its fault; a fault with a strange name has none', () => {
  assert.deepEqual(
    ['InvalidLogin', 'PasswordExpired', 'NotAuthenticated', 'NoPermission', 'InvalidArgument'].map((name) => [
      errorOf(name).kind,
      isPasswordRefusal(errorOf(name)),
    ]),
    [
      ['login', true],
      ['login', true],
      ['login', false],
      ['privilege', false],
      ['fault', false],
    ],
  )
  assert.equal(errorOf('a b').fault, undefined)
  assert.equal(faultError('Do', undefined, '').message, 'vCenter refuses Do: it gives no reason')
})

test('missing privileges are named with their objects, all of them where vCenter says so', () => {
  const old = '<object type="Folder">group-d1</object><privilegeId>A.B</privilegeId>'
  const before = faultError('Do', detail('NoPermission', old), 'No.')
  assert.equal(
    before.message,
    'vCenter refuses Do: NoPermission: No. (the user lacks A.B on Folder group-d1)',
  )
  assert.equal(before.hint, 'Give the user a role with A.B on Folder group-d1 in vCenter.')
  const now = faultError(
    'Do',
    detail('NoPermission', old + lack('vm-1', 'A.B', 'C.D') + lack('vm-2', 'E.F')),
    '',
  )
  assert.match(
    now.message,
    /\(the user lacks A\.B, C\.D on VirtualMachine vm-1; E\.F on VirtualMachine vm-2\)$/,
  )
  const many = lack('vm', ...Array.from({ length: 100 }, () => 'P'.repeat(200))).repeat(20)
  assert.ok(faultError('Do', detail('NoPermission', many), '').message.length < 600)
  assert.equal(faultError('Do', detail('NoPermission'), '').message, 'vCenter refuses Do: NoPermission')
})

test('an answer is that of a method, in the body of an envelope', () => {
  const call = { method: 'Do' }
  const answer = (content: string) => soapAnswer(call, read(`<Envelope><Body>${content}</Body></Envelope>`))
  assert.equal(answer('<DoResponse><returnval>x</returnval></DoResponse>').children[0]?.text, 'x')
  // vcsim does so.
  assert.equal(answer('<OtherResponse/>').name, 'OtherResponse')
  for (const content of ['', '<Do/>', '<html/>'])
    assert.throws(() => answer(content), /What answers Do is not vCenter's API/)
  assert.throws(() => soapAnswer(call, read('<Body><DoResponse/></Body>')), /is not vCenter's API/)
})
