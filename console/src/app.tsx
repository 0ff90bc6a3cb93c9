// The frame of all pages: where one can go, who is logged in, and the page itself.

import { LocationProvider, Router, Route, useLocation } from 'preact-iso'
import { useErrorBoundary, useLayoutEffect, useRef } from 'preact/hooks'
import { LoggedIn, LogOut, useWho } from './session.tsx'
import { Audit } from './pages/audit.tsx'
import { Client } from './pages/client.tsx'
import { Clients } from './pages/clients.tsx'
import { Connect } from './pages/connect.tsx'
import { Key } from './pages/key.tsx'
import { Keys } from './pages/keys.tsx'
import { Overview } from './pages/overview.tsx'
import { Adoption } from './pages/settings/adoption.tsx'
import { Approvals } from './pages/settings/approvals.tsx'
import { Backups } from './pages/settings/backups.tsx'
import { Instance } from './pages/settings/instance.tsx'
import { Instances } from './pages/settings/instances.tsx'
import { RootKeys } from './pages/settings/root-keys.tsx'
import { ServerCertificate } from './pages/settings/server-certificate.tsx'
import { Settings } from './pages/settings/settings.tsx'
import { Sessions } from './pages/settings/sessions.tsx'
import { Tokens } from './pages/settings/tokens.tsx'
import { Vcenter } from './pages/vcenters/vcenter.tsx'
import { Vcenters } from './pages/vcenters/vcenters.tsx'
import { Blocks } from './pages/blocks.tsx'
import { Prove } from './pages/prove.tsx'
import { Say } from './parts/say.tsx'
import { entryOf, menu, offeredTo, titleOf } from './menu.ts'

export function App() {
  const [error] = useErrorBoundary()
  if (error !== undefined) return <NotDrawn />
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
  const offered = offeredTo(menu, who.instance === null)
  const here = entryOf(path, offered)
  useLayoutEffect(() => {
    document.title = titleOf(path)
    // A reader of the screen hears of the new page, as with a page that was loaded.
    if (!isFirst.current) main.current?.focus()
    isFirst.current = false
  }, [path])
  return (
    <>
      <a class="skip" href="#main">
        Skip the menu
      </a>
      <header class="top">
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
          <LogOut />
        </p>
      </header>
      <main id="main" class="frame" ref={main} tabIndex={-1}>
        <Router>
          <Route path="/" component={Overview} />
          <Route path="/connect" component={Connect} />
          <Route path="/vcenters" component={Vcenters} />
          <Route path="/vcenters/:instance/:vcenter" component={Vcenter} />
          <Route path="/keys" component={Keys} />
          <Route path="/keys/:instance/:key" component={Key} />
          <Route path="/clients" component={Clients} />
          <Route path="/clients/blocked" component={Blocks} />
          <Route path="/clients/:instance/:client" component={Client} />
          <Route path="/audit" component={Audit} />
          <Route path="/settings" component={Settings} />
          <Route path="/settings/instances" component={Instances} />
          <Route path="/settings/instances/:instance" component={Instance} />
          <Route path="/settings/root-keys" component={RootKeys} />
          <Route path="/settings/server-certificate" component={ServerCertificate} />
          <Route path="/settings/tokens" component={Tokens} />
          <Route path="/settings/sessions" component={Sessions} />
          <Route path="/settings/approvals" component={Approvals} />
          <Route path="/settings/backups" component={Backups} />
          <Route path="/settings/adoption" component={Adoption} />
          <Route path="/audit/prove" component={Prove} />
          <Route default component={NoPage} />
        </Router>
      </main>
    </>
  )
}

/** The address is nothing that a browser can read (`/keys/%`), or a page has a fault. The link loads everything again. */
function NotDrawn() {
  return (
    <main class="container narrow">
      <h1>This page cannot be shown</h1>
      <p>Its address is not one of this console, or the console has a fault here.</p>
      <p>
        <a href="/">To the overview</a>
      </p>
    </main>
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
