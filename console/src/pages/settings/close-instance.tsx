// Closes an instance at once, or opens it again. The dialog says what happens, and asks why.

import { useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { useAct } from '../../ask.ts'
import { Problem } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Field } from '../../parts/field.tsx'
import { Say } from '../../parts/say.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { Time } from '../../parts/time.tsx'
import { useMay } from '../../session.tsx'
import type { Shown } from './instance.tsx'

export function CloseInstance({ shown, again }: { readonly shown: Shown; readonly again: () => void }) {
  const { id, name, closed } = shown
  const mayManage = useMay('manager', { instance: id })
  const mayServer = useMay('manager', { server: true })
  return (
    <section aria-labelledby="close">
      <h2 id="close">{closed ? 'Closed' : 'Close it at once'}</h2>
      {closed && (
        <p class="bad">
          None of its keys is used since <Time at={closed.at} />: <Say text={closed.by} /> closed{' '}
          {closed.withServer ? 'the server' : 'it'}, since <Say text={closed.reason} />. Nothing was
          destroyed.
        </p>
      )}
      {closed?.withServer && mayServer && (
        <Open action="Open the server" open={() => call('openServer')} again={again} />
      )}
      {closed && !closed.withServer && mayManage && (
        <Open action="Open it" open={() => call('openInstance', { instance: id })} again={again} />
      )}
      {!closed && mayManage && (
        <Close
          title={`Close ${name}`}
          action="Close this instance"
          close={(reason) => call('closeInstance', { instance: id, body: { reason } })}
          again={again}
        />
      )}
    </section>
  )
}

/** For an instance, and for the server. */
export function Open({
  action,
  open,
  again,
}: {
  readonly action: string
  readonly open: () => Promise<unknown>
  readonly again: () => void
}) {
  const { isRunning, error, run } = useAct()
  const act = async (): Promise<void> => {
    await open()
    again()
  }
  return (
    <>
      <SecondPerson acts={['instance open']} />
      {error && <Problem error={error} />}
      <button type="button" class="auto" aria-busy={isRunning} onClick={() => void run(act)}>
        {action}
      </button>
    </>
  )
}

/** For an instance, and for the server. */
export function Close({
  title,
  action,
  close,
  again,
}: {
  readonly title: string
  readonly action: string
  readonly close: (reason: string) => Promise<unknown>
  readonly again: () => void
}) {
  const [isAsked, setAsked] = useState(false)
  const [reason, setReason] = useState('')
  return (
    <>
      <p>
        No key is used from the next message on, on every node, until it is opened again. Nothing is
        destroyed; machines that run go on, and none starts whose key its host does not have.
      </p>
      <button type="button" class="secondary auto" onClick={() => setAsked(true)}>
        {action}
      </button>
      {isAsked && (
        <Confirm
          title={title}
          action={action}
          isReady={reason.trim() !== ''}
          onConfirm={async () => {
            await close(reason)
            again()
          }}
          onClose={() => setAsked(false)}
        >
          <p>Hosts that restart get no key, and vSAN disks that are not mounted stay so.</p>
          <Field
            label="Why"
            value={reason}
            onChange={setReason}
            required
            help="For the audit log and for other administrators. No client is told."
          />
        </Confirm>
      )}
    </>
  )
}
