// A table with a head. On a phone each row is a card, whose cells say what they are.

import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

export function Table({
  caption,
  heads,
  children,
}: {
  readonly caption?: string
  readonly heads: readonly string[]
  /** The rows. */
  readonly children: ComponentChildren
}) {
  const body = useRef<HTMLTableSectionElement>(null)
  // For the style sheet, which shows it where the head is not.
  useLayoutEffect(() => {
    for (const row of body.current?.rows ?? [])
      for (const [column, cell] of [...row.cells].entries()) {
        const head = heads[column] ?? ''
        // Most of thousands of cells have it already.
        if (cell.dataset['head'] !== head) cell.dataset['head'] = head
      }
  })
  return (
    <div class="wide">
      <table>
        {caption !== undefined && <caption>{caption}</caption>}
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>{children}</tbody>
      </table>
    </div>
  )
}
