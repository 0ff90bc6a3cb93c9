// What is done with a root key of the fake: wrap, unwrap, rewrap; and the states in which it may be.

import { randomBytes } from 'node:crypto'
import { badField, refusal } from './refusal.ts'
import { jsonBody, pick, pickText, pickTexts, type KeyCall, type Reply } from './request.ts'
import type { Key } from './state.ts'
import { decodeBase64, newest, unwrap, wrap } from './wrapping.ts'

export function wrapAction(call: KeyCall): Reply {
  requireUsable(call.key, [1], 'wrap')
  const body = jsonBody(call) ?? {}
  const aad = readAad(body)
  const given = pickText(body, 'plaintext', 0, 4_096) ?? ''
  const plaintext = given === '' ? randomBytes(32) : decodeBase64(given)
  if (!plaintext) throw badField('plaintext', 'a base64 encoded key material')
  const { ciphertext, version } = wrap(call.key, plaintext, aad)
  const generated = given === '' ? { plaintext: plaintext.toString('base64') } : {}
  return { status: 200, body: { ...generated, ciphertext, keyVersion: { id: version.id } } }
}

/** After a rotation it hands back the new wrapped form too. */
export function unwrapAction(call: KeyCall): Reply {
  const { key, ciphertext, aad } = readWrapped(call, 'unwrap')
  const { plaintext, version } = unwrap(key, ciphertext, aad)
  const opened = { plaintext: plaintext.toString('base64'), keyVersion: { id: version.id } }
  if (version === newest(key)) return { status: 200, body: opened }
  const again = wrap(key, plaintext, aad)
  const rewrappedKeyVersion = { id: again.version.id }
  return { status: 200, body: { ...opened, ciphertext: again.ciphertext, rewrappedKeyVersion } }
}

export function rewrapAction(call: KeyCall): Reply {
  const { key, ciphertext, aad } = readWrapped(call, 'rewrap')
  const { plaintext, version } = unwrap(key, ciphertext, aad)
  const again = wrap(key, plaintext, aad)
  return {
    status: 200,
    body: {
      ciphertext: again.ciphertext,
      keyVersion: { id: version.id },
      rewrappedKeyVersion: { id: again.version.id },
    },
  }
}

function readWrapped(call: KeyCall, action: 'unwrap' | 'rewrap') {
  requireUsable(call.key, [1, 3], action)
  const body = jsonBody(call)
  if (body === undefined) throw refusal('NO_BODY_ERR')
  const ciphertext = pick(body, 'ciphertext')
  if (typeof ciphertext !== 'string' || ciphertext === '')
    throw badField('ciphertext', 'the original base64 encoded ciphertext from the wrap operation')
  return { key: call.key, ciphertext, aad: readAad(body) }
}

function readAad(body: unknown): string[] {
  return pickTexts(body, 'aad', 126, 255)
}

/** Deleted, standard, or in a state in which this is not done. */
export function requireUsable(key: Key, states: readonly Key['state'][], action: string): void {
  if (key.state === 5)
    throw refusal('KEY_DELETED_ERR', {
      message: `The key has been deleted and is no longer available. Please provide a valid key when performing an '${action}' action`,
    })
  if (key.extractable) throw refusal('KEY_ROOT_REQ_ERR')
  if (!states.includes(key.state)) throw refusal('KEY_ACTION_INVALID_STATE_ERR')
}
