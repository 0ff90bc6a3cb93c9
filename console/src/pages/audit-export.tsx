// Saves the audit log as files: the entries that fit the filters, as CSV or JSON, fetched page by page; and the whole log in the
// form that a proof takes.

import { useEffect, useRef, useState } from 'preact/hooks'
import { callForFile, type Input } from '../api.ts'
import { useAct } from '../ask.ts'
import { Problem } from '../parts/answer.tsx'
import { counted } from '../parts/counted.ts'
import { allPages } from '../parts/pages.tsx'
import { saveFile } from '../parts/save.ts'
import { useMay } from '../session.tsx'
import { csvHead, csvOf } from './audit-csv.ts'
import type { AuditEntry } from './audit-entry.tsx'

export type AuditQuery = NonNullable<Input<'listAudit'>['query']>

const perPage = 1_000

const formats = {
  CSV: {
    type: 'text/csv',
    head: csvHead,
    entries: (entries: readonly AuditEntry[]) => csvOf(entries),
    foot: '',
  },
  JSON: {
    type: 'application/json',
    head: '[',
    entries: (entries: readonly AuditEntry[], isFirst: boolean) =>
      entries
        .map((entry, index) => `${isFirst && index === 0 ? '' : ','}\n${JSON.stringify(entry)}`)
        .join(''),
    foot: '\n]\n',
  },
} as const
type Format = keyof typeof formats

export function AuditExport({
  instance,
  query,
}: {
  readonly instance: string | undefined
  readonly query: AuditQuery
}) {
  const mayExport = useMay('manager', { server: true })
  const { isRunning, error, run } = useAct()
  const [fetched, setFetched] = useState<number>()
  const stop = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => stop.current?.abort(), [])
  const save = async (format: Format): Promise<void> => {
    const controller = new AbortController()
    stop.current = controller
    setFetched(0)
    try {
      const made = await fileOf(format, instance, query, controller.signal, setFetched)
      saveFile(`mortise-audit.${format.toLowerCase()}`, made)
    } catch (failure) {
      if (!controller.signal.aborted) throw failure
    } finally {
      setFetched(undefined)
    }
  }
  return (
    <>
      <div class="acts">
        {(['CSV', 'JSON'] as const).map((format) => (
          <button
            key={format}
            type="button"
            class="secondary"
            disabled={isRunning}
            onClick={() => void run(() => save(format))}
          >
            Save these as {format}
          </button>
        ))}
        {mayExport && (
          <button
            type="button"
            class="secondary"
            aria-busy={isRunning && fetched === undefined}
            disabled={isRunning}
            onClick={() => void run(saveWhole)}
          >
            Save the whole log, to be proved
          </button>
        )}
      </div>
      {fetched !== undefined && (
        <p role="status">
          {counted(fetched, 'entry', 'entries')} fetched. Stay on this page until the file is saved.{' '}
          <button type="button" class="outline small" onClick={() => stop.current?.abort()}>
            Stop
          </button>
        </p>
      )}
      {error && <Problem error={error} />}
    </>
  )
}

async function saveWhole(): Promise<void> {
  saveFile('mortise-audit.jsonl', await callForFile('exportAudit', {}))
}

async function fileOf(
  format: Format,
  instance: string | undefined,
  query: AuditQuery,
  signal: AbortSignal,
  onFetched: (entries: number) => void,
): Promise<Blob> {
  const { type, head, entries: textOf, foot } = formats[format]
  const whole = { query: { ...query, limit: perPage } }
  const pages =
    instance === undefined
      ? allPages('listAudit', whole, signal)
      : allPages('listInstanceAudit', { ...whole, instance }, signal)
  // Blobs, which the browser may keep on its disk.
  const parts: Blob[] = [new Blob([head])]
  let count = 0
  for await (const { entries } of pages) {
    parts.push(new Blob([textOf(entries, count === 0)]))
    count += entries.length
    onFetched(count)
  }
  return new Blob([...parts, foot], { type })
}
