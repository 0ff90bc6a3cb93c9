// Which root key an instance is to have: its address, where the keys are stored, the API key that it takes; and the root keys
// that a service has, to choose from.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAct } from '../../ask.ts'
import { Problem } from '../../parts/answer.tsx'
import { Choice, Field } from '../../parts/field.tsx'
import { isService, type RootKeyWanted } from './root-key-wanted.ts'

type Found = Answer<'listRootKeys'>

export function RootKeyFields({
  wanted,
  onChange,
  required = false,
  help,
}: {
  readonly wanted: RootKeyWanted
  readonly onChange: (wanted: RootKeyWanted) => void
  readonly required?: boolean
  readonly help?: string | undefined
}) {
  const { rootKey, custody, ibmApiKey } = wanted
  const isAtService = isService(rootKey)
  return (
    <>
      <Field
        label="Root key"
        value={rootKey}
        required={required}
        placeholder="file:NAME.key or keyprotect://HOST/INSTANCE/KEY"
        help={help}
        onChange={(text) => onChange({ ...wanted, rootKey: text })}
      />
      {isAtService && (
        <>
          <Field
            label="API key of its service ID"
            type="password"
            value={ibmApiKey}
            help="Empty: that of the server. Mortise tries it at once, stores it sealed, and never shows it."
            onChange={(text) => onChange({ ...wanted, ibmApiKey: text })}
          />
          <Listed wanted={wanted} onChoose={(uri) => onChange({ ...wanted, rootKey: uri })} />
          <Choice
            label="Keys are stored in"
            value={custody}
            none="choose one"
            options={[
              ['database', 'the database, sealed by the root key'],
              ['keyprotect', 'the service itself, beside the root key'],
            ]}
            onChoose={(value) =>
              onChange({ ...wanted, custody: value === 'keyprotect' ? value : 'database' })
            }
          />
        </>
      )}
    </>
  )
}

function Listed({
  wanted: { rootKey, ibmApiKey },
  onChoose,
}: {
  readonly wanted: RootKeyWanted
  readonly onChoose: (uri: string) => void
}) {
  const [found, setFound] = useState<Found>()
  const { isRunning, error, run } = useAct()
  const list = async (): Promise<void> =>
    setFound(
      ibmApiKey === ''
        ? await call('listRootKeys', { query: { rootKey } })
        : await call('listRootKeysWith', { body: { rootKey, ibmApiKey } }),
    )
  return (
    <>
      <button type="button" class="outline small" aria-busy={isRunning} onClick={() => void run(list)}>
        List the root keys there
      </button>
      {error && <Problem error={error} />}
      {found?.length === 0 && <p>It has none that this API key may see.</p>}
      {found && found.length > 0 && (
        <Choice
          label="Root keys there"
          value={found.find(({ uri }) => uri === rootKey)?.uri}
          none="choose one"
          options={found.map(({ uri, name, state }) => [
            uri,
            state === 'active' ? name : `${name} (${state})`,
          ])}
          onChoose={(uri) => uri !== undefined && onChoose(uri)}
        />
      )}
    </>
  )
}
