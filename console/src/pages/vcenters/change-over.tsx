// A change-over: this server takes the place of the servers of a key provider that machines use already; back again, or to its end.

import { useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { Field } from '../../parts/field.tsx'
import { namesIn } from '../../parts/names-in.ts'
import { Say } from '../../parts/say.tsx'
import { Switch } from '../../parts/switch.tsx'
import { Time } from '../../parts/time.tsx'
import { BeginSteps } from './begin-steps.tsx'
import type { VcenterPart } from './login.tsx'

export function ChangeOver(part: VcenterPart) {
  const { switch: open } = part.vcenter
  return (
    <section aria-labelledby="change-over">
      <h2 id="change-over">Change over from another key server</h2>
      {open ? (
        <p class="look">
          The change-over of <Say text={open.provider} /> began <Time at={open.began} /> and{' '}
          {open.done === null ? 'has not reached its end: go on with it below.' : 'waits to be finished.'} The
          old servers: <Say text={open.servers.join(', ')} />.
        </p>
      ) : (
        <p>
          This server takes the place of the servers of a key provider that machines use already. Their keys
          are adopted and opened here first, and vCenter is not changed while one is missing.
        </p>
      )}
      <details open={open !== null && open.done === null}>
        <summary>{open ? 'Go on with it, or do it again' : 'Change over'}</summary>
        <Begin {...part} />
      </details>
      {open && (
        <details>
          <summary>Finish it: the old server is asked no more</summary>
          <Finish {...part} />
        </details>
      )}
      {open && (
        <details>
          <summary>Take it back: the old servers again</summary>
          <Back {...part} />
        </details>
      )}
    </section>
  )
}

function Begin({ instance, vcenter: { id, switch: open }, again }: VcenterPart) {
  const [from, setFrom] = useState(open?.provider ?? '')
  const [to, setTo] = useState('')
  const [withoutUpstream, setWithout] = useState(false)
  return (
    <BeginSteps
      instance={instance}
      vcenter={id}
      action="Change over"
      onEnd={again}
      begin={(login, dryRun) =>
        call('switchVcenter', {
          instance,
          vcenter: id,
          body: { ...login, from, ...(to !== '' && { to: [...namesIn(to)] }), withoutUpstream, dryRun },
        })
      }
    >
      <Field
        label="The key provider"
        value={from}
        onChange={setFrom}
        required
        help="As vCenter names it; upper and lower case differ. It keeps its name."
      />
      <Field
        label="Addresses of this server"
        value={to}
        onChange={setTo}
        help="As vCenter and the hosts reach them, with commas between them. Left empty: those of its nodes."
      />
      <Switch isOn={withoutUpstream} onChange={setWithout}>
        The old server is gone, and all its keys are here
      </Switch>
    </BeginSteps>
  )
}

function Finish({ instance, vcenter: { id }, again }: VcenterPart) {
  return (
    <>
      <p>
        The old server is asked a last time for all that it has, each key in use is opened here, and then this
        instance asks it no more.
      </p>
      <BeginSteps
        instance={instance}
        vcenter={id}
        action="Finish"
        onEnd={again}
        needsLogin={false}
        begin={(_login, dryRun) => call('switchFinish', { instance, vcenter: id, body: { dryRun } })}
      />
    </>
  )
}

function Back({ instance, vcenter: { id }, again }: VcenterPart) {
  return (
    <>
      <p>It is refused once a key was made here, since the old server would not have it.</p>
      <BeginSteps
        instance={instance}
        vcenter={id}
        action="Take it back"
        onEnd={again}
        begin={(login, dryRun) => call('switchBack', { instance, vcenter: id, body: { ...login, dryRun } })}
      />
    </>
  )
}
