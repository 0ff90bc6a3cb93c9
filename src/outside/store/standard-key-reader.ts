// Finds standard keys page by page, in the order of their ids.

import type { StandardKeyQuery, StandardKeyRecord } from '../../core/ports/secrets.ts'
import { numberIn, oneOfColumn, textIn, type Row } from './row.ts'
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
    return (yield* all('standardKeysByIdentifier', identifier, ...narrower, afterId, limit)).map(
      standardKeyRecord,
    )
  }
  const sets = standardKeySets.flatMap((set) => {
    const matches = (kind ?? set.kind) === set.kind && (state ?? set.state) === set.state
    return [...(instanceId === undefined ? [] : [instanceId]), matches ? 1 : 0, afterId]
  })
  const statement = instanceId === undefined ? 'standardKeys' : 'standardKeysOfInstance'
  return (yield* all(statement, ...sets, limit)).map(standardKeyRecord)
}

export function standardKeyRecord(row: Row): StandardKeyRecord {
  return {
    id: textIn(row, 'id'),
    instanceId: textIn(row, 'instanceId'),
    kind: oneOfColumn(row, 'kind', ['object', 'marker'] as const),
    identifier: textIn(row, 'identifier'),
    generation: numberIn(row, 'generation'),
    rootKeyUri: textIn(row, 'rootKeyUri'),
    state: oneOfColumn(row, 'state', ['current', 'due', 'unwanted'] as const),
    keyVersion: textIn(row, 'keyVersion'),
    createdMs: numberIn(row, 'createdMs'),
  }
}

export function* countStandardKeyVersions(instanceId: string): Steps<Readonly<Record<string, number>>> {
  const rows = yield* all('standardKeyVersions', instanceId)
  return Object.fromEntries(rows.map((row) => [textIn(row, 'version'), numberIn(row, 'count')]))
}
