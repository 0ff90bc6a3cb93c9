// The list of pages for what is set up once and looked at rarely.

import { offeredTo, settings } from '../../menu.ts'
import { useWho } from '../../session.tsx'

export function Settings() {
  const who = useWho()
  return (
    <>
      <h1>Settings</h1>
      <ul class="cards several">
        {offeredTo(settings, who.instance === null).map(({ path, title, about }) => (
          <li key={path}>
            <h2>
              <a href={path}>{title}</a>
            </h2>
            <p>{about}</p>
          </li>
        ))}
      </ul>
    </>
  )
}

/** Stands above each of these pages. */
export function BackToSettings() {
  return (
    <p class="back">
      <a href="/settings">Settings</a>
    </p>
  )
}
