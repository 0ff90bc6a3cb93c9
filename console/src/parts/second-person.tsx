// Says before an act, where it is so, that it will wait for a second person.

import { useWho } from '../session.tsx'

/** `acts`: the words of `approval.for` of which one must be guarded. */
export function SecondPerson({ acts }: { readonly acts: readonly string[] }) {
  const { guards } = useWho()
  if (!acts.some((act) => guards.includes(act))) return null
  return (
    <p class="look">
      This needs a second person: it is not done now, but when another person has approved it, within 24
      hours.
    </p>
  )
}
