// Shows the server's warnings, one sentence each.

import { Say } from './say.tsx'

export function Warnings({ warnings }: { readonly warnings: readonly string[] }) {
  return (
    <>
      {warnings.map((warning) => (
        <p key={warning} class="look" role="status">
          <Say text={warning} />
        </p>
      ))}
    </>
  )
}
