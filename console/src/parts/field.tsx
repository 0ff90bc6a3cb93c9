// Fields of forms: a label, what is typed or chosen, and a line that helps.

import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

export function Field({
  label,
  value,
  onChange,
  help,
  rows,
  type = 'text',
  ...rest
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly help?: ComponentChildren
  /** Several lines. */
  readonly rows?: number
  readonly type?: 'text' | 'number' | 'password'
  readonly required?: boolean
  readonly readOnly?: boolean
  readonly min?: number
  readonly max?: number
  readonly placeholder?: string
}) {
  const id = useId()
  const common = {
    id,
    value,
    autocomplete: 'off' as const,
    spellcheck: false,
    ...rest,
    onInput: ({ currentTarget }: { readonly currentTarget: { readonly value: string } }) =>
      onChange(currentTarget.value),
    ...(help !== undefined && { 'aria-describedby': `${id}-help` }),
  }
  return (
    <div>
      <label for={id}>{label}</label>
      {rows !== undefined && <textarea {...common} rows={rows} />}
      {rows === undefined && type === 'text' && <input {...common} type="text" />}
      {rows === undefined && type === 'number' && <input {...common} type="number" />}
      {rows === undefined && type === 'password' && <input {...common} type="password" />}
      {help !== undefined && <small id={`${id}-help`}>{help}</small>}
    </div>
  )
}

export function Choice({
  label,
  value,
  none,
  options,
  help,
  disabled = false,
  onChoose,
}: {
  readonly label: string
  readonly value: string | undefined
  /** Says what it means to choose nothing; left out: something is always chosen. */
  readonly none?: string
  readonly options: readonly (readonly [value: string, text: string])[]
  readonly help?: string | undefined
  readonly disabled?: boolean
  readonly onChoose: (value: string | undefined) => void
}) {
  const id = useId()
  return (
    <div>
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value ?? ''}
        disabled={disabled}
        onChange={({ currentTarget }) =>
          onChoose(currentTarget.value === '' ? undefined : currentTarget.value)
        }
        {...(help !== undefined && { 'aria-describedby': `${id}-help` })}
      >
        {none !== undefined && <option value="">{none}</option>}
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
      {help !== undefined && <small id={`${id}-help`}>{help}</small>}
    </div>
  )
}
