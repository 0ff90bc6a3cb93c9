// One vCenter: how it is, its inventory, its key provider, a change-over from another key server, and new keys for its machines.

import { useLocation, useRoute } from 'preact-iso'
import { useEffect, useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { useAct, useAsk } from '../../ask.ts'
import { Answered, Problem } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { numberText } from '../../parts/counted.ts'
import { Field } from '../../parts/field.tsx'
import { namesIn } from '../../parts/names-in.ts'
import { Say } from '../../parts/say.tsx'
import { Switch } from '../../parts/switch.tsx'
import { Time } from '../../parts/time.tsx'
import { addressOf } from '../../place.ts'
import { useMay } from '../../session.tsx'
import { BeginSteps } from './begin-steps.tsx'
import { ChangeOver } from './change-over.tsx'
import { StoredLogin, type VcenterPart } from './login.tsx'
import { Rekey } from './rekey.tsx'

const lookEveryMs = 10_000

export function Vcenter() {
  const { params } = useRoute()
  const { instance = '', vcenter = '' } = params
  const asked = useAsk('showVcenter', { instance, vcenter }, { everyMs: lookEveryMs })
  const mayManage = useMay('manager', { server: true })
  const mayRemove = useMay('manager', { instance })
  return (
    <>
      <p class="back">
        <a href={addressOf('/vcenters', { instance })}>vCenters</a>
      </p>
      <h1>{asked.data ? <Say text={asked.data.name} /> : 'vCenter'}</h1>
      <Answered asked={asked}>
        {(shown) => {
          const part = { instance, vcenter: shown, again: asked.refresh }
          return (
            <>
              <Facts {...part} />
              {mayManage && <Inventory {...part} />}
              {mayManage && <StoredLogin {...part} />}
              {mayManage && <Connect {...part} />}
              {mayManage && <ChangeOver {...part} />}
              <Rekey {...part} mayManage={mayManage} />
              {mayRemove && <Remove {...part} />}
            </>
          )
        }}
      </Answered>
    </>
  )
}

function Facts({ vcenter }: VcenterPart) {
  const { host, port, product, version, trust, provider, inventory } = vcenter
  return (
    <dl class="facts">
      <dt>Address</dt>
      <dd>
        <Say text={`${host}:${port}`} />
      </dd>
      <dt>Says that it is</dt>
      <dd>
        <Say text={`${product} ${version}`} />
      </dd>
      <dt>Recognized by</dt>
      <dd>
        {'fingerprint' in trust ? (
          <>
            its certificate, SHA-256 <code>{trust.fingerprint}</code>
          </>
        ) : (
          <>
            the CA <Say text={trust.authorities.map(({ subject }) => subject).join('; ')} />
          </>
        )}
      </dd>
      <dt>Key provider</dt>
      <dd>
        <Say text={provider?.name} none="none yet" />
        {provider && (
          <>
            , last proved <Time at={provider.connected} none="never to its end" />
          </>
        )}
      </dd>
      <dt>Inventory</dt>
      <dd class={inventory.whole ? 'good' : 'look'}>
        {inventory.whole ? 'whole' : 'not whole: what relies on it refuses'}
        {inventory.reasons.map((reason) => (
          <div key={reason}>
            <Say text={reason} />
          </div>
        ))}
        {inventory.read !== null && (
          <div>
            Last read <Time at={inventory.read} />
          </div>
        )}
      </dd>
    </dl>
  )
}

function Inventory({ instance, vcenter, again }: VcenterPart) {
  const [read, setRead] = useState<string | undefined>(undefined)
  const { isRunning, error, run } = useAct()
  if (!vcenter.login) return null
  const begin = async (): Promise<void> => {
    const { id } = await call('readVcenter', { instance, vcenter: vcenter.id, body: {} })
    setRead(id)
  }
  return (
    <section aria-label="Reading of the inventory">
      {error && <Problem error={error} />}
      <p class="acts">
        <button type="button" class="secondary" aria-busy={isRunning} onClick={() => void run(begin)}>
          Read the inventory now
        </button>
        <a href={addressOf('/keys', { instance })}>The keys, by their machines</a>
      </p>
      {read !== undefined && (
        <Reading key={read} instance={instance} vcenter={vcenter.id} read={read} onEnd={again} />
      )}
    </section>
  )
}

function Reading({
  onEnd,
  ...place
}: {
  readonly instance: string
  readonly vcenter: string
  readonly read: string
  readonly onEnd: () => void
}) {
  const asked = useAsk('showVcenterRead', place, { everyMs: 1_000 })
  const hasEnded = asked.data !== undefined && asked.data.state !== 'running'
  useEffect(() => {
    if (hasEnded) onEnd()
  }, [hasEnded])
  return (
    <Answered asked={asked}>
      {({ state, rows, error }) => (
        <p role="status" class={state === 'failed' ? 'bad' : 'good'} aria-busy={state === 'running'}>
          {numberText(rows)} keys of machines, disks and snapshots read
          {state === 'running' ? ' so far' : ''}. <Say text={error?.message} none="" />{' '}
          <Say text={error?.hint} none="" />
        </p>
      )}
    </Answered>
  )
}

function Connect({ instance, vcenter, again }: VcenterPart) {
  const { id, provider } = vcenter
  const [name, setName] = useState(provider?.name ?? '')
  const [addresses, setAddresses] = useState('')
  const [isDefault, setDefault] = useState(false)
  return (
    <section aria-labelledby="connect">
      <h2 id="connect">Connect it</h2>
      <p>
        The server makes a key provider with its nodes in this vCenter, has both sides trust each other, waits
        until vCenter says green, and proves the way with a key that vCenter makes. Done again, it changes
        only what is missing.
      </p>
      <details>
        <summary>{provider ? 'Connect it again' : 'Connect it'}</summary>
        <BeginSteps
          instance={instance}
          vcenter={id}
          action="Connect"
          onEnd={again}
          begin={(login, dryRun) =>
            call('connectVcenter', {
              instance,
              vcenter: id,
              body: {
                ...login,
                ...(name !== '' && { provider: name }),
                ...(addresses !== '' && { addresses: [...namesIn(addresses)] }),
                client: 'certificate',
                default: isDefault,
                dryRun,
              },
            })
          }
        >
          <Field
            label="Name of the key provider"
            value={name}
            onChange={setName}
            help="Machines remember it for good. Left empty: that of the last run, or one made of the instance's name."
          />
          <Field
            label="Addresses of this server"
            value={addresses}
            onChange={setAddresses}
            help="As vCenter and the hosts reach them, with commas between them. Left empty: those of its nodes."
          />
          <Switch isOn={isDefault} onChange={setDefault}>
            Make it vCenter's default key provider
          </Switch>
        </BeginSteps>
      </details>
    </section>
  )
}

function Remove({ instance, vcenter }: VcenterPart) {
  const { route } = useLocation()
  const [isAsked, setAsked] = useState(false)
  const remove = async (): Promise<void> => {
    await call('removeVcenter', { instance, vcenter: vcenter.id })
    route(addressOf('/vcenters', { instance }))
  }
  return (
    <section aria-label="Forget this vCenter">
      <button type="button" class="secondary auto" onClick={() => setAsked(true)}>
        Forget this vCenter
      </button>
      {isAsked && (
        <Confirm
          title="Forget this vCenter"
          action="Forget it"
          onConfirm={remove}
          onClose={() => setAsked(false)}
        >
          <p>
            The server forgets <Say text={vcenter.name} /> and its stored logins. Its key provider, its trust
            and its keys stay: machines go on as they are.
          </p>
        </Confirm>
      )}
    </section>
  )
}
