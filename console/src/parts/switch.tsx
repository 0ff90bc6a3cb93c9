// A switch with its words, which says yes or no to one thing.

import type { ComponentChildren } from 'preact'

export function Switch({
  isOn,
  onChange,
  children,
}: {
  readonly isOn: boolean
  readonly onChange: (isOn: boolean) => void
  readonly children: ComponentChildren
}) {
  return (
    <p>
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={isOn}
          onChange={({ currentTarget }) => onChange(currentTarget.checked)}
        />
        {children}
      </label>
    </p>
  )
}
