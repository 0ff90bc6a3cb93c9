// Where one can go: the menu, and the pages under Settings, which are needed less often.

export interface Place {
  readonly path: string
  readonly title: string
  /** Only for those whose token is for all instances. */
  readonly server?: boolean
}

/** In the order of the menu. */
export const menu: readonly Place[] = [
  { path: '/', title: 'Overview' },
  { path: '/connect', title: 'Connect vCenter' },
  { path: '/vcenters', title: 'vCenters' },
  { path: '/keys', title: 'Keys' },
  { path: '/clients', title: 'Clients' },
  { path: '/audit', title: 'Audit' },
  { path: '/settings', title: 'Settings' },
]

export const settings: readonly (Place & { readonly about: string })[] = [
  {
    path: '/settings/instances',
    title: 'Instances',
    about:
      'Sets of keys with clients and a root key of their own: their limits, and for how long a revoked key is served.',
  },
  {
    path: '/settings/root-keys',
    title: 'Root keys',
    about:
      'The keys that seal all others: where they are, which version seals how many keys, and how to change them.',
  },
  {
    path: '/settings/server-certificate',
    title: 'Server certificate',
    about: 'The certificate that every vCenter trusts, and how to follow it by another one.',
  },
  { path: '/settings/tokens', title: 'Tokens', about: 'Who may use this console and the admin API.' },
  {
    path: '/settings/sessions',
    title: 'People',
    server: true,
    about: 'Who is logged in through the identity provider, with which roles: end a session.',
  },
  {
    path: '/settings/approvals',
    title: 'Approvals',
    about: 'Acts that wait for a second person: approve them, or refuse.',
  },
  {
    path: '/settings/backups',
    title: 'Backups',
    server: true,
    about: 'The backups in the folder of the server: make one, save one elsewhere.',
  },
  {
    path: '/settings/adoption',
    title: 'Adoption',
    about: 'Keys taken over from another key server: how far it is, what did not fit, what is still missing.',
  },
]

export function offeredTo<P extends Place>(places: readonly P[], isServerWide: boolean): readonly P[] {
  return places.filter(({ server }) => !server || isServerWide)
}

/** The menu's entry that a path is under. */
export function entryOf(path: string, offered: readonly Place[] = menu): Place | undefined {
  return offered.findLast((place) => path === place.path || path.startsWith(`${place.path}/`))
}

/** The title of the window. */
export function titleOf(path: string): string {
  const place = entryOf(path, settings) ?? entryOf(path)
  return place ? `${place.title} · Mortise` : 'Mortise'
}
