// Finds standard keys page by page, in the order of their ids.

import type { StandardKeyQuery, StandardKeyRecord } from '../../core/ports/secrets.ts'
import { number, oneOf, text, type Row } from './row.ts'
import { standardKeySets } from './sql.ts'
import { all, type Steps } from './steps.ts'

export function* findStandardKeys({
  instanceId,
  kind,
  state,
  identifier,
  afterId = '',
  limit,
}: StandardKeyQuery): Steps<StandardKeyRecord[]> {
  if (identifier !== undefined) {
    const narrower = [instanceId ?? null, kind ?? null, state ?? null]
    return (yield* all('standardKeysByIdentifier', identifier, ...narrower, afterId, limit)).map(standardKey)
  }
  const sets = standardKeySets.flatMap((set) => {
    const matches = (kind ?? set.kind) === set.kind && (state ?? set.state) === set.state
    return [...(instanceId === undefined ? [] : [instanceId]), matches ? 1 : 0, afterId]
  })
  const statement = instanceId === undefined ? 'standardKeys' : 'standardKeysOfInstance'
  return (yield* all(statement, ...sets, limit)).map(standardKey)
}

export function standardKey(row: Row): StandardKeyRecord {
  return {
    id: text(row, 'id'),
    instanceId: text(row, 'instanceId'),
    kind: oneOf(row, 'kind', ['object', 'marker'] as const),
    identifier: text(row, 'identifier'),
    generation: number(row, 'generation'),
    rootKeyUri: text(row, 'rootKeyUri'),
    state: oneOf(row, 'state', ['current', 'due', 'unwanted'] as const),
    keyVersion: text(row, 'keyVersion'),
    createdMs: number(row, 'createdMs'),
  }
}

export function* countStandardKeyVersions(instanceId: string): Steps<Readonly<Record<string, number>>> {
  const rows = yield* all('standardKeyVersions', instanceId)
  return Object.fromEntries(rows.map((row) => [text(row, 'version'), number(row, 'count')]))
}
