// The frame of all pages: where one can go, who is logged in, and the page itself.

import { LocationProvider, Router, Route, useLocation } from 'preact-iso'
import { useEffect, useRef } from 'preact/hooks'
import { LoggedIn, logOut, useWho } from './session.tsx'
import { Audit } from './pages/audit.tsx'
import { Client } from './pages/client.tsx'
import { Clients } from './pages/clients.tsx'
import { Connect } from './pages/connect.tsx'
import { Key } from './pages/key.tsx'
import { Keys } from './pages/keys.tsx'
import { Overview } from './pages/overview.tsx'
import { Say } from './parts/say.tsx'

/** In the order of the menu. `server`: only for those whose token is for all instances. */
const pages: readonly { readonly path: string; readonly title: string; readonly server?: boolean }[] = [
  { path: '/', title: 'Overview' },
  { path: '/connect', title: 'Connect vCenter', server: true },
  { path: '/keys', title: 'Keys' },
  { path: '/clients', title: 'Clients' },
  { path: '/audit', title: 'Audit' },
]

export function App() {
  return (
    <LocationProvider>
      <LoggedIn>
        <Frame />
      </LoggedIn>
    </LocationProvider>
  )
}

function Frame() {
  const { path } = useLocation()
  const who = useWho()
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const offered = pages.filter(({ server }) => !server || who.instance === null)
  const here = offered.findLast((page) => path === page.path || path.startsWith(`${page.path}/`))
  useEffect(() => {
    document.title = here ? `${here.title} · Mortise` : 'Mortise'
    // A reader of the screen hears of the new page, as with a page that was loaded.
    if (!isFirst.current) main.current?.focus()
    isFirst.current = false
  }, [path])
  return (
    <div class="frame">
      <a class="skip" href="#main">
        Skip the menu
      </a>
      <header>
        <p class="brand">Mortise</p>
        <nav aria-label="Pages">
          <ul>
            {offered.map((page) => (
              <li key={page.path}>
                <a href={page.path} {...(page === here && { 'aria-current': 'page' as const })}>
                  {page.title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <p class="who">
          <Say text={who.name} />, {who.role}
          {who.instance && (
            <>
              {' of '}
              <Say text={who.instance.name} />
            </>
          )}{' '}
          <button type="button" class="outline small" onClick={() => void logOut()}>
            Log out
          </button>
        </p>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <Router>
          <Route path="/" component={Overview} />
          <Route path="/connect" component={Connect} />
          <Route path="/keys" component={Keys} />
          <Route path="/keys/:instance/:key" component={Key} />
          <Route path="/clients" component={Clients} />
          <Route path="/clients/:instance/:client" component={Client} />
          <Route path="/audit" component={Audit} />
          <Route default component={NoPage} />
        </Router>
      </main>
    </div>
  )
}

function NoPage() {
  return (
    <>
      <h1>There is no such page</h1>
      <p>
        <a href="/">To the overview</a>
      </p>
    </>
  )
}
