// Reads marks, and objects that lack one.

import type { MarkAsRead, MarksEnd, StoredMark } from '../../core/ports/marks.ts'
import { numberIn, textIn } from './row.ts'
import { marksEndOf, storedMark } from './rows.ts'
import { all, get, type Steps } from './steps.ts'

export function* findMarksEnd(): Steps<MarksEnd | null> {
  const row = yield* get('lastMark')
  return row ? marksEndOf(row) : null
}

export function* findMark(instanceId: string, uniqueIdentifier: string): Steps<StoredMark | undefined> {
  const row = yield* get('mark', instanceId, uniqueIdentifier)
  return row && storedMark(row)
}

export function* findMarksAfter(after: number, limit: number): Steps<readonly MarkAsRead[]> {
  const rows = yield* all('marksAfter', after, limit)
  return rows.map((row) => ({ ...storedMark(row), isPutBack: numberIn(row, 'isPutBack') === 1 }))
}

export function* findUnmarked(after: number, limit: number) {
  return (yield* all('unmarked', after, limit)).map((row) => ({
    sequence: numberIn(row, 'sequence'),
    instanceId: textIn(row, 'instanceId'),
    uniqueIdentifier: textIn(row, 'uniqueIdentifier'),
  }))
}
