// Proves in the browser that nobody touched the log: an export, against a checkpoint that the auditor brings.

import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { AuditProof } from '../../../src/core/audit/proof.ts'
import { callForFile } from '../api.ts'
import { useAct } from '../ask.ts'
import { Problem } from '../parts/answer.tsx'
import { Field } from '../parts/field.tsx'
import { CompareFingerprint, Fingerprint } from '../parts/fingerprint.tsx'
import { Say } from '../parts/say.tsx'
import { Time } from '../parts/time.tsx'
import { proveExport, type Progress } from '../proof/prove-export.ts'
import { webCrypto } from '../proof/web-crypto.ts'
import { useMay } from '../session.tsx'
import { counted, numberText } from '../parts/counted.ts'

interface Proved {
  readonly proof: AuditProof
  readonly file: File | undefined
  readonly checkpoint: string
}

export function Prove() {
  const mayExport = useMay('manager', { server: true })
  const [file, setFile] = useState<File>()
  const [checkpoint, setCheckpoint] = useState('')
  const [progress, setProgress] = useState<Progress>()
  const [proved, setProved] = useState<Proved>()
  const { isRunning, error, run } = useAct()
  const left = useRef(new AbortController())
  useEffect(() => () => left.current.abort(), [])
  const prove = async (): Promise<void> => {
    setProved(undefined)
    setProgress(undefined)
    const log = file ?? (await callForFile('exportAudit', { query: { for: 'verify' } }))
    const { signal } = left.current
    const proof = await proveExport(log, checkpoint, webCrypto, { signal, onProgress: setProgress })
    setProved({ proof, file, checkpoint })
  }
  // The reader may have chosen others since, also while it was proved.
  const isOfThese = proved?.file === file && proved?.checkpoint === checkpoint
  return (
    <>
      <p class="back">
        <a href="/audit">Audit</a>
      </p>
      <h1>Prove it</h1>
      <p>
        This browser verifies the log by itself: that no entry was changed, removed, inserted or moved, and
        that the server's key signed for all of them. A checkpoint that you kept where no administrator of the
        server can write shows in addition that the whole log was not rewritten.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void run(prove)
        }}
      >
        <LogChoice mayExport={mayExport} onFile={setFile} />
        <CheckpointField text={checkpoint} onText={setCheckpoint} />
        {error && <Problem error={error} />}
        <button
          type="submit"
          class="auto"
          aria-busy={isRunning}
          disabled={isRunning || (!file && !mayExport)}
        >
          Prove it
        </button>
      </form>
      {isRunning && progress && (
        <p>
          <progress aria-label="Verified" max={progress.of} value={progress.done} />
          {numberText(progress.done)} of {numberText(progress.of)} entries
        </p>
      )}
      {proved && isOfThese && <Result {...proved} />}
    </>
  )
}

function LogChoice({
  mayExport,
  onFile,
}: {
  readonly mayExport: boolean
  readonly onFile: (file: File | undefined) => void
}) {
  const id = useId()
  return (
    <>
      <label for={id}>The exported log</label>
      <input
        id={id}
        type="file"
        accept=".jsonl,.gz"
        aria-describedby={`${id}-help`}
        onChange={({ currentTarget }) => onFile(currentTarget.files?.[0])}
      />
      <small id={`${id}-help`}>
        From <code>mortise audit export FILE</code> or <em>Save the whole log</em>; it stays in this browser.{' '}
        {mayExport
          ? 'Without a file, the page fetches the log from this server.'
          : 'Your token may not fetch it: ask a manager for the file.'}
      </small>
    </>
  )
}

function CheckpointField({
  text,
  onText,
}: {
  readonly text: string
  readonly onText: (text: string) => void
}) {
  const read = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0]
    const text = await file?.text()
    // Another one may have been chosen since, in a list of its own.
    if (text !== undefined && input.files?.[0] === file) onText(text)
  }
  return (
    <>
      <Field
        label="The checkpoint that you kept"
        value={text}
        onChange={onText}
        rows={3}
        placeholder='{"number":…,"body":"…","signature":"…"}'
        help="One line of the server's own log (its standard error), of an earlier export, or a file of it:"
      />
      <input
        type="file"
        aria-label="The checkpoint, as a file"
        onChange={({ currentTarget }) => void read(currentTarget)}
      />
    </>
  )
}

function Result({ proof, checkpoint }: Proved) {
  const hadCheckpoint = checkpoint.trim() !== ''
  const { ok, problems, restores, entries, checkpoints, provedToMs, unprovedEntries, keySha256 } = proof
  const tone = !ok ? 'bad' : hadCheckpoint && provedToMs !== null ? 'good' : 'look'
  return (
    <section aria-labelledby="result">
      <h2 id="result">What the proof says</h2>
      <p class={`sentence ${tone}`} role="status">
        <Verdict proof={proof} hadCheckpoint={hadCheckpoint} />
      </p>
      {problems.length > 0 && (
        <ul>
          {problems.map((problem) => (
            <li key={problem}>
              <Say text={problem} />
            </li>
          ))}
        </ul>
      )}
      {restores.map((restore) => (
        <p key={restore}>
          <Say text={restore} />
        </p>
      ))}
      <dl class="facts">
        <dt>Entries</dt>
        <dd>{numberText(entries)}</dd>
        <dt>Checkpoints</dt>
        <dd>{numberText(checkpoints)}</dd>
        <dt>Not yet provable</dt>
        <dd>{counted(unprovedEntries, 'entry', 'entries')} younger than the last checkpoint</dd>
        <dt>The key that signed (SHA-256)</dt>
        <dd>
          <Fingerprint sha256={keySha256} />
        </dd>
      </dl>
      <CompareFingerprint
        sha256={keySha256}
        label="The key's SHA-256 that you noted earlier"
        other="Different. Another key signed this log: it is of another server, or was rewritten."
      />
    </section>
  )
}

function Verdict({
  proof: { ok, provedFromMs, provedToMs },
  hadCheckpoint,
}: {
  readonly proof: AuditProof
  readonly hadCheckpoint: boolean
}) {
  if (!ok) return <>This log was tampered with, or is not whole. It proves nothing.</>
  if (provedToMs === null)
    return <>The log agrees with itself, but nothing is signed yet: it has no checkpoint.</>
  const from = provedFromMs === null ? undefined : new Date(provedFromMs).toISOString()
  const to = new Date(provedToMs).toISOString()
  return (
    <>
      The log is whole from <Time at={from} none="its beginning" /> to <Time at={to} />
      {hadCheckpoint
        ? ', and continues the checkpoint that you kept.'
        : '. Without a checkpoint of your own, this does not show that the whole log was not rewritten: compare the key below.'}
    </>
  )
}
