// A filter by time, in the reader's own zone. What is typed stays as it is, since the browser has a time after each digit.

import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { localText, timeIn } from './local-time.ts'

export function TimeFilter({
  label,
  value,
  onChange,
}: {
  readonly label: string
  readonly value: string | undefined
  readonly onChange: (value: string | undefined) => void
}) {
  const [typed, setTyped] = useState(localText(value ?? ''))
  const given = useRef(value)
  const id = useId()
  // At once: a key that is pressed before the browser draws would be taken for older than this value.
  useLayoutEffect(() => {
    if (value !== given.current) setTyped(localText(value ?? ''))
    given.current = value
  }, [value])
  const take = (text: string): void => {
    setTyped(text)
    const at = timeIn(text)
    if (at === null && text !== '') return
    given.current = at ?? undefined
    onChange(given.current)
  }
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="datetime-local"
        value={typed}
        onInput={({ currentTarget }) => take(currentTarget.value)}
      />
    </div>
  )
}
