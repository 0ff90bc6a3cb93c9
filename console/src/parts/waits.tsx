// Says that an act was not done, since it waits for a second person.

import type { ApiError } from '../api.ts'
import { Say } from './say.tsx'

export function Waits({ error }: { readonly error: ApiError }) {
  return (
    <div class="once" role="status">
      <p>
        <strong>
          <Say text={error.message} />
        </strong>
      </p>
      <p>
        <Say text={error.hint ?? ''} />
      </p>
      <p>
        <a href="/settings/approvals">To the requests that wait</a>
      </p>
    </div>
  )
}
