// What happens to keys of the fake: rotated, disabled, enabled, deleted, restored, purged; each with the times that
// one must wait, on the fake's own clock.

import { randomUUID } from 'node:crypto'
import { requireUsable } from './actions.ts'
import { materialFrom, present } from './keys.ts'
import { badQuery, refusal } from './refusal.ts'
import { collection, jsonBody, pickText, queryNumber, type KeyCall, type Reply } from './request.ts'
import type { Key, State } from './state.ts'

const hourMs = 3600_000

export function rotate(call: KeyCall): Reply {
  const { state, key } = call
  requireUsable(key, [1, 3], 'rotate')
  const payload = pickText(jsonBody(call) ?? {}, 'payload', 1, 10_000)
  if (key.imported && payload === undefined) throw refusal('KEY_PAYLOAD_REQ_ERR')
  if (!key.imported && payload !== undefined) throw badQuery('payload', 'provided only if key is imported')
  const last = key.lastRotateDate === undefined ? -Infinity : Date.parse(key.lastRotateDate)
  if (state.nowMs() - last < hourMs) throw refusal('KEY_ROTATION_NOT_PERMITTED')
  const creationDate = state.date()
  key.versions.push({ id: randomUUID(), creationDate, material: materialFrom(payload, false) })
  key.lastRotateDate = creationDate
  key.lastUpdateDate = creationDate
  return { status: 204 }
}

export function disable({ state, key }: KeyCall): Reply {
  requireUsable(key, [1], 'disable')
  return moved(state, key, 2)
}

export function enable({ state, key }: KeyCall): Reply {
  requireUsable(key, [2], 'enable')
  requirePause(state, key)
  return moved(state, key, 1)
}

export function deleteKey({ state, key, caller, prefer }: KeyCall): Reply {
  if (key.state === 5) throw refusal('KEY_DELETED_ERR')
  key.deletionDate = state.date()
  key.deletedBy = `iam-${caller.id}`
  moved(state, key, 5)
  if (prefer !== 'representation') return { status: 204 }
  return { status: 200, body: collection('key', [present(state, key)]) }
}

export function restore({ state, key }: KeyCall): Reply {
  if (key.state !== 5) throw refusal('KEY_ACTION_INVALID_STATE_ERR')
  const deletedMs = Date.parse(key.deletionDate ?? '')
  if (state.nowMs() - deletedMs > 30 * 24 * hourMs) throw refusal('KEY_RESTORE_EXPIRED')
  if (key.expirationDate !== undefined && Date.parse(key.expirationDate) <= state.nowMs())
    throw refusal('KEY_EXPIRED_ERR')
  requirePause(state, key)
  delete key.deletionDate
  delete key.deletedBy
  moved(state, key, 1)
  return { status: 201, body: collection('key', [present(state, key)]) }
}

export function purge({ state, key, prefer }: KeyCall): Reply {
  if (key.state !== 5) throw refusal('KEY_ACTION_INVALID_STATE_ERR')
  if (state.nowMs() - Date.parse(key.deletionDate ?? '') < 4 * hourMs)
    throw refusal('REQ_TOO_EARLY_ERR', {
      message: 'Purge operation is allowed 4h0m0s after key is deleted',
    })
  const shown = present(state, key)
  state.remove(key)
  return prefer !== 'representation' ? { status: 204 } : { status: 200, body: collection('key', [shown]) }
}

export function versions({ key, query }: KeyCall): Reply {
  if (key.extractable) throw refusal('KEY_ROOT_REQ_ERR')
  if (key.state !== 1 && query.get('allKeyStates') !== 'true') throw refusal('KEY_ACTION_INVALID_STATE_ERR')
  const limit = queryNumber(query, 'limit', 1, 5_000, 200)
  const offset = queryNumber(query, 'offset', 0, Number.MAX_SAFE_INTEGER, 0)
  const all = key.versions.toReversed().map(({ id, creationDate }) => ({ id, creationDate }))
  const total = query.get('totalCount') === 'true' ? { totalCount: all.length } : {}
  return { status: 200, body: collection('key.version', all.slice(offset, offset + limit), total) }
}

function moved(state: State, key: Key, to: Key['state']): Reply {
  key.state = to
  key.stateChangedMs = state.nowMs()
  key.lastUpdateDate = state.date()
  return { status: 204 }
}

/** Enabling and restoring must wait 30 seconds after the last change. */
function requirePause(state: State, key: Key): void {
  if (state.nowMs() - key.stateChangedMs < 30_000) throw refusal('REQ_TOO_EARLY_ERR')
}
