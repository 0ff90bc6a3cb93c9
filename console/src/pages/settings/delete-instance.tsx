// The end of an instance: what it takes with it, and the receipt of what was shredded.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { counted } from '../../parts/counted.ts'
import { Answered } from '../../parts/answer.tsx'
import { Concerned } from '../../parts/concerned.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { saveText } from '../../parts/save.ts'
import { Say } from '../../parts/say.tsx'
import { Time } from '../../parts/time.tsx'
import { useMay } from '../../session.tsx'
import type { Shown } from './instance.tsx'

export type Deleted = Answer<'deleteInstance'>

export function DeleteInstance({
  shown,
  onDeleted,
}: {
  readonly shown: Shown
  readonly onDeleted: (deleted: Deleted) => void
}) {
  const mayManage = useMay('manager', { instance: shown.id })
  const [asks, setAsks] = useState(false)
  const inventory = useAsk(asks ? 'showInventory' : null, { instance: shown.id })
  if (!mayManage) return null
  const left = openObjects(shown.objects)
  const usedBy = inventory.data?.usedBy ?? null
  const shred = async (): Promise<void> => {
    const inUse = usedBy && usedBy.machines > 0 ? { inUse: usedBy.machines } : {}
    const query = left > 0 ? { shred: shown.name, ...inUse } : inUse
    onDeleted(await call('deleteInstance', { instance: shown.id, query }))
  }
  return (
    <p class="acts">
      <button type="button" class="danger" onClick={() => setAsks(true)}>
        Delete this instance…
      </button>
      {asks && (
        <Confirm
          title="Delete this instance"
          action={left > 0 ? 'Shred its keys and delete it' : 'Delete it'}
          typed={shown.name}
          isReady={inventory.data !== undefined}
          onClose={() => setAsks(false)}
          onConfirm={shred}
        >
          <SecondPerson acts={left > 0 ? ['instance delete', 'key destroy'] : ['instance delete']} />
          {left > 0 ? (
            <p>
              <strong>Keys and other objects that go for good, and are not destroyed yet: {left}.</strong>{' '}
              What they encrypt can never be read again; there is no way back, a backup excepted.
            </p>
          ) : (
            <p>It has no key that is not destroyed.</p>
          )}
          {shown.recoverable.count > 0 && (
            <p>
              {counted(shown.recoverable.count, 'destroyed key')} that could still be brought back{' '}
              {shown.recoverable.count === 1 ? 'goes' : 'go'} too.
            </p>
          )}
          <p>Clients that lose trust with their next message: {shown.clients}.</p>
          <Answered asked={inventory}>{() => <Concerned usedBy={usedBy} />}</Answered>
        </Confirm>
      )}
    </p>
  )
}

/** Those that are not destroyed. */
function openObjects(objects: Shown['objects']): number {
  return Object.entries(objects)
    .filter(([state]) => !state.startsWith('Destroyed'))
    .reduce((sum, [, count]) => sum + count, 0)
}

export function Receipt({ deleted }: { readonly deleted: Deleted }) {
  const { id, name, receipt } = deleted
  const left = receipt?.standardKeysLeft
  return (
    <>
      <h1>
        <Say text={name} /> is deleted
      </h1>
      {!receipt && <p>There was nothing to shred.</p>}
      {receipt && (
        <>
          <p>
            <Time at={receipt.at} />: its data keys were destroyed, and all its keys with them. The audit log
            has it as <code>{receipt.auditEntry}</code>.
          </p>
          <dl class="facts">
            <dt>Objects</dt>
            <dd>
              {Object.entries(receipt.objects)
                .map(([state, count]) => `${count} ${state}`)
                .join(', ') || 'none'}
            </dd>
            <dt>Data keys</dt>
            <dd>
              {receipt.dataKeys.map((one) => (
                <div key={one.id}>
                  <code>{one.id}</code> of <code>{one.rootKey}</code>
                </div>
              ))}
              {receipt.dataKeys.length === 0 && 'none'}
            </dd>
            <dt>Standard keys</dt>
            <dd>{receipt.standardKeys}</dd>
          </dl>
          {left && left.count > 0 && (
            <p class="bad">
              {counted(left.count, 'standard key')} could not be deleted yet:{' '}
              <Say text={left.cause} none="no reason is known" />. The server goes on trying; the overview
              says so until none is left.
            </p>
          )}
          <button
            type="button"
            onClick={() =>
              saveText(`receipt-${id}.json`, `${JSON.stringify(deleted, null, 2)}\n`, 'application/json')
            }
          >
            Save the receipt
          </button>
        </>
      )}
      <p>
        <a href="/settings/instances">To the instances</a>
      </p>
    </>
  )
}
