// Acts that wait for a second person: what would be done, by whom it is wanted, and the two answers to it.

import { Fragment, type ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { approversOf } from '../../approvers.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Field } from '../../parts/field.tsx'
import { Say } from '../../parts/say.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { useMay, useWho } from '../../session.tsx'
import { BackToSettings } from './settings.tsx'

type Approval = Answer<'showApproval'>
type Decision = 'approve' | 'refuse' | 'cancel'

export function Approvals() {
  const { guards } = useWho()
  const asked = useAsk('listApprovals', { query: { state: 'all' } }, { everyMs: 5_000 })
  return (
    <>
      <BackToSettings />
      <h1>Approvals</h1>
      <p>
        {guards.length === 0
          ? 'On this server every act needs one person only: approval.for in its configuration is empty.'
          : `These acts wait until a second person approves them: ${guards.join(', ')}.`}
      </p>
      <Answered asked={asked}>
        {(all) => {
          const open = all.filter(isOpen)
          const over = all.filter((one) => !isOpen(one))
          return (
            <>
              {open.length === 0 && <p>Nothing waits.</p>}
              {open.map((one) => (
                <One key={one.id} approval={one} again={asked.again} />
              ))}
              {over.length > 0 && <Over all={over} />}
            </>
          )
        }}
      </Answered>
    </>
  )
}

function isOpen({ state }: Approval): boolean {
  return state === 'waiting' || state === 'approved'
}

function One({ approval, again }: { readonly approval: Approval; readonly again: () => void }) {
  const { id, act, state, instance, askedBy, asked, ends, mayApprove, whyNot, isMine, repeated } = approval
  const approvers = approversOf(approval)
  const mayManage = useMay('manager', instance ? { instance: instance.id } : { server: true })
  const [asks, setAsks] = useState<Decision>()
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>
        <Say text={askedBy.person} /> wants: {act}
      </h2>
      <Facts approval={approval}>
        <dt>For</dt>
        <dd>{instance ? <Say text={instance.name} /> : 'the server'}</dd>
        <dt>Asked</dt>
        <dd>
          <Time at={asked} />,{' '}
          {askedBy.token === null ? (
            <>
              logged in as <Say text={askedBy.subject} />
            </>
          ) : (
            <>
              with the token <Say text={askedBy.token} />
            </>
          )}
        </dd>
        <dt>Ends</dt>
        <dd>
          <Time at={ends} />
        </dd>
        {state === 'waiting' && (
          <>
            <dt>Can approve it</dt>
            <dd class={approvers === '' ? 'look' : ''}>
              <Say text={approvers} none="nobody" />
            </dd>
          </>
        )}
      </Facts>
      {state === 'approved' && (
        <p role="status">
          {repeated ? (
            <>
              It was approved: <Say text={askedBy.person} /> can fetch it, once, until it ends.
            </>
          ) : (
            'It was approved, and is being carried out.'
          )}
        </p>
      )}
      {mayManage && (state === 'waiting' || repeated) && (
        <p class="acts">
          {mayApprove && (
            <button type="button" onClick={() => setAsks('approve')}>
              Approve…
            </button>
          )}
          <button type="button" class="secondary" onClick={() => setAsks(isMine ? 'cancel' : 'refuse')}>
            {isMine ? 'Take it back…' : 'Refuse…'}
          </button>
          {!mayApprove && whyNot !== null && (
            <small>
              You cannot approve it: <Say text={whyNot} />.
            </small>
          )}
        </p>
      )}
      {asks && <Decide approval={approval} how={asks} onClose={() => setAsks(undefined)} again={again} />}
    </section>
  )
}

function Facts({
  approval: { facts },
  children,
}: {
  readonly approval: Approval
  readonly children?: ComponentChildren
}) {
  return (
    <dl class="facts">
      {facts.map(({ name, value }) => (
        <Fragment key={name}>
          <dt>
            <Say text={name} />
          </dt>
          <dd>
            <Say text={value} />
          </dd>
        </Fragment>
      ))}
      {children}
    </dl>
  )
}

const dialogs = {
  approve: { title: 'Approve this', action: 'Approve it' },
  refuse: { title: 'Refuse this', action: 'Refuse it' },
  cancel: { title: 'Take this back', action: 'Take it back' },
} as const

function Decide({
  approval,
  how,
  onClose,
  again,
}: {
  readonly approval: Approval
  readonly how: Decision
  readonly onClose: () => void
  readonly again: () => void
}) {
  const [reason, setReason] = useState('')
  const { id, act, askedBy } = approval
  const decide = async (): Promise<void> => {
    if (how === 'approve') await call('approve', { approval: id })
    else if (how === 'cancel') await call('cancelApproval', { approval: id })
    else await call('refuseApproval', { approval: id, body: { reason } })
    again()
  }
  return (
    <Confirm {...dialogs[how]} onClose={onClose} onConfirm={decide}>
      <p>
        <Say text={askedBy.person} /> wants: <strong>{act}</strong>.{' '}
        {how === 'approve'
          ? approval.repeated
            ? 'They can fetch it then, once, as it was asked.'
            : 'It is done at once, as it was asked, and cannot be undone.'
          : 'Nothing is done, and the request is over.'}
      </p>
      <Facts approval={approval} />
      {how === 'refuse' && (
        <Field label="Why" value={reason} onChange={setReason} help="The person who asked reads it." />
      )}
    </Confirm>
  )
}

const outcomes: Readonly<Record<Approval['state'], string>> = {
  waiting: 'waits',
  approved: 'approved',
  done: 'approved, and done',
  failed: 'not done',
  refused: 'refused',
  cancelled: 'taken back',
  ended: 'ended undecided',
}

function Over({ all }: { readonly all: readonly Approval[] }) {
  return (
    <>
      <h2>Decided</h2>
      <Table heads={['Act', 'Asked by', 'Outcome', 'By', 'When']}>
        {all.map(({ id, act, askedBy, state, reason, decidedBy, decided }) => (
          <tr key={id}>
            <th scope="row">{act}</th>
            <td>
              <Say text={askedBy.person} />
            </td>
            <td>
              {outcomes[state]}
              {reason !== null && reason !== '' && (
                <>
                  {': '}
                  <Say text={reason} />
                </>
              )}
            </td>
            <td>{decidedBy && <Say text={decidedBy.person} />}</td>
            <td>
              <Time at={decided} />
            </td>
          </tr>
        ))}
      </Table>
    </>
  )
}
