// A table with a head, which scrolls by itself where it is wider than the page.

import type { ComponentChildren } from 'preact'

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
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
