// Where the reader is: the page and its filters stand in the address, so that people can share them.

import { useLocation } from 'preact-iso'

/** The filters of this page, and a way to change them; an empty one is left out. */
export function useFilters(): {
  readonly filters: Readonly<Record<string, string>>
  readonly set: (changed: Readonly<Record<string, string | undefined>>) => void
} {
  const { query, route } = useLocation()
  const set = (changed: Readonly<Record<string, string | undefined>>): void => {
    // As they are now: a search comes some time after its letters, and other filters may have changed since.
    const { pathname, search } = window.location
    route(addressOf(pathname, { ...Object.fromEntries(new URLSearchParams(search)), ...changed }), true)
  }
  return { filters: query, set }
}

type Value = string | number | boolean | undefined

/** Leaves out what is undefined or empty. */
export function addressOf(path: string, query: Readonly<Record<string, Value>>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') search.set(name, String(value))
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

/** `/keys/INSTANCE/KEY`, each part percent-encoded. */
export function pathTo(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`
}
