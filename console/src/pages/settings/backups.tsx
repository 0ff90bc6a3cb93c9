// The backups in the folder of the server: how they stand, what there is, one more, and a copy for another place.

import { useState } from 'preact/hooks'
import { call, callForFile, type Answer } from '../../api.ts'
import { useAct, useAsk } from '../../ask.ts'
import { Answered, Problem } from '../../parts/answer.tsx'
import { counted, numberText } from '../../parts/counted.ts'
import { Field } from '../../parts/field.tsx'
import { namesIn } from '../../parts/names-in.ts'
import { saveFile } from '../../parts/save.ts'
import { Progress } from '../../parts/progress.tsx'
import { Say } from '../../parts/say.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { useMay } from '../../session.tsx'
import { noneAtRisk } from '../sentence.ts'
import { bytesText } from './setting-fields.ts'
import { BackToSettings } from './settings.tsx'

type Listed = Answer<'listBackups'>
type Backup = Listed['backups'][number]

export function Backups() {
  const asked = useAsk('listBackups', undefined, { everyMs: 2_000 })
  const mayManage = useMay('manager', { server: true })
  return (
    <>
      <BackToSettings />
      <h1>Backups</h1>
      <Answered asked={asked}>
        {({ backups, status }) => (
          <>
            <Status status={status} />
            {mayManage && <Make isRunning={status.running !== null} again={asked.again} />}
            {backups.length === 0 ? (
              <p>There is none yet.</p>
            ) : (
              <List backups={backups} mayManage={mayManage} />
            )}
            <p>
              A backup is sealed: to open one takes the root keys that it names.{' '}
              <code>mortise backup verify</code> tries one without touching this server.
            </p>
          </>
        )}
      </Answered>
    </>
  )
}

function Status({ status }: { readonly status: Listed['status'] }) {
  const { scheduled, folder, last, failure, running, keysAtRisk, keysOnlyHere, verified } = status
  return (
    <>
      {running && <Progress label="A backup is being made" {...running} />}
      <dl class="facts">
        <dt>By itself</dt>
        <dd>
          {scheduled ? 'yes, as the configuration says' : 'no: the server makes none unless it is asked'}
        </dd>
        <dt>Folder</dt>
        <dd>
          <code>{folder}</code>, on the machine of the server
        </dd>
        <dt>The last one</dt>
        <dd>
          <Time at={last?.created} />
        </dd>
        <dt>In no backup</dt>
        <dd class={keysAtRisk === 0 ? '' : 'look'}>
          {keysAtRisk === 0
            ? `None. ${noneAtRisk(status)}`
            : counted(keysAtRisk, 'key or other object', 'keys and other objects')}
        </dd>
        <dt>In no backup elsewhere</dt>
        <dd>{keysOnlyHere}</dd>
        <dt>Last verified</dt>
        <dd>
          <Time at={verified} />
        </dd>
      </dl>
      {failure && (
        <p class="bad" role="status">
          The last attempt failed <Time at={failure.at} />: <Say text={failure.message} />
        </p>
      )}
    </>
  )
}

function Make({ isRunning, again }: { readonly isRunning: boolean; readonly again: () => void }) {
  const { isRunning: isAsking, error, run } = useAct()
  const [recipients, setRecipients] = useState('')
  const make = async (): Promise<void> => {
    await call('createBackup', { body: { recipients: namesIn(recipients) } })
    again()
  }
  return (
    <>
      <SecondPerson acts={recipients.trim() === '' ? ['backup create'] : ['backup create', 'key export']} />
      <p class="acts">
        <button
          type="button"
          disabled={isRunning || isAsking}
          aria-busy={isAsking}
          onClick={() => void run(make)}
        >
          Make a backup now
        </button>
      </p>
      {error && <Problem error={error} />}
      <details>
        <summary>For others too, without the root keys</summary>
        <div class="narrow-form">
          <Field
            label="age recipients of this backup"
            value={recipients}
            onChange={setRecipients}
            rows={3}
            placeholder="age1…"
            help="One a line. The holder of an identity of one can open this backup without its root keys, also after these were deleted."
          />
        </div>
      </details>
    </>
  )
}

function List({ backups, mayManage }: { readonly backups: readonly Backup[]; readonly mayManage: boolean }) {
  const { isRunning, error, run } = useAct()
  const save = async (backup: Backup): Promise<void> =>
    saveFile(nameOf(backup.file), await callForFile('readBackup', { backup: backup.id }))
  return (
    <>
      {error && <Problem error={error} />}
      <Table heads={['Made', 'Objects', 'Size', 'Opened by', 'Elsewhere', ...(mayManage ? ['Save'] : [])]}>
        {backups.map((backup) => (
          <tr key={backup.id}>
            <th scope="row">
              <Time at={backup.created} />
              <br />
              <small>
                <code>{nameOf(backup.file)}</code>
              </small>
            </th>
            <td>{numberText(backup.objects)}</td>
            <td>{bytesText(backup.bytes)}</td>
            <td>
              {[...backup.rootKeys, ...backup.recipients].map((one) => (
                <div key={one}>
                  <code>{one}</code>
                </div>
              ))}
            </td>
            <td>{backup.elsewhere ? 'yes' : 'no'}</td>
            {mayManage && (
              <td>
                <button
                  type="button"
                  class="outline small"
                  disabled={isRunning}
                  aria-label={`Save the backup ${nameOf(backup.file)}`}
                  onClick={() => void run(() => save(backup))}
                >
                  Save
                </button>
              </td>
            )}
          </tr>
        ))}
      </Table>
    </>
  )
}

function nameOf(file: string): string {
  return file.replace(/^.*[/\\]/, '')
}
