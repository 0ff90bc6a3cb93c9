// `mortise login` and `logout`: a person logs in through the identity provider of the server, and commands go on
// with the session.

import { spawn } from 'node:child_process'
import type { AdminClient } from '../../../doors/http/client.ts'
import type { Output } from '../../../doors/http/route.ts'
import { Refusal } from '../../../base/refusal.ts'
import { loginMs } from '../../../base/bounds.ts'
import { verb, wholeNumber } from '../../../doors/cli/command.ts'
import { connectAsNobody, connectWithSession, type ConnectOptions } from '../../../doors/cli/connect.ts'
import { openLoopback } from './loopback.ts'
import { grantsText } from '../../../doors/cli/text/grants.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { forgetSession, readSession, storeSession } from '../../../doors/cli/stored-session.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { interruptible, pause } from '../../../doors/cli/watch-work.ts'
import { CommandError, type World } from '../../../doors/cli/world.ts'
import { browserProgram, environmentOfOthers } from '../../../outside/config/environment.ts'
import { loginRoutes } from '../routes.ts'
import { sessionRoutes } from '../../sessions/routes.ts'

interface LoginOptions extends ConnectOptions {
  readonly device?: boolean
  readonly port?: string
  readonly browser?: boolean
}

type Begun = Output<typeof loginRoutes.finishLogin>

export const loginCommand = verb<LoginOptions>({
  words: 'login',
  summary: 'log in as a person, through the identity provider of the server',
  flags: [
    ['--device', 'by a code that you enter in a browser elsewhere, if the provider offers it'],
    ['--port <n>', 'where the browser comes back to on this machine (default: any free port)'],
    ['--no-browser', 'only print the address, and open no browser'],
  ],
  examples: ['login', 'login --admin https://kms.example.com:5697 --admin-ca kms-ca.pem', 'login --device'],
  action: async (run, options) => {
    const { device = false, port = '0', browser = true } = options
    const { admin, url } = await connectAsNobody(run.world, options)
    const at = wholeNumber('--port', port)
    const { provider } = await admin.call(loginRoutes.showLogin)
    if (!provider)
      throw new CommandError(
        'this server knows no identity provider: every person needs a token',
        'An administrator names one with oidc.issuer.',
      )
    const { session, ...begun } = device
      ? await byDevice(run.world, admin)
      : await byBrowser(run.world, admin, { port: at, browser })
    await storeSession(run.world.user, url, session)
    run.show(begun, () => welcome(begun))
  },
})

function welcome({ name, grants, ends }: Omit<Begun, 'session'>): string {
  return plain`Logged in as ${name} (${grantsText(grants)}) until ${shortTime(ends)}.\n`
}

async function byBrowser(
  world: World,
  admin: AdminClient,
  { port, browser }: { readonly port: number; readonly browser: boolean },
): Promise<Begun> {
  await using loopback = await openLoopback(world, port)
  const { redirectUri } = loopback
  const { url, flow } = await admin.call(loginRoutes.beginLogin, { body: { redirectUri } })
  const opened = browser && openBrowser(world, url)
  world.stderr.write(
    `${opened ? 'A browser opens. If none does, open this address:' : 'Open this address in a browser:'}\n\n  ${plain`${url}`}\n\n` +
      `In a browser on another machine, the login ends at an address that shows nothing: paste it here.\n`,
  )
  const { answer, tell } = await inTime(loopback.came(new URL(url).searchParams.get('state') ?? ''))
  try {
    const begun = await admin.call(loginRoutes.finishLogin, { body: { flow, answer } })
    tell(`You are logged in as ${begun.name}. You can close this window.`)
    return begun
  } catch (error) {
    tell('You are not logged in: the command line says why. You can close this window.')
    throw error
  }
}

/** false: there is no browser that the person could see. The browser's own output is lost; the address is printed too. */
function openBrowser({ stdout, configuration: { env } }: World, url: string): boolean {
  const program = browserProgram(env)
  if (stdout.isTTY !== true || program === undefined) return false
  const child = spawn(program, [url], { stdio: 'ignore', detached: true, env: environmentOfOthers(env) })
  child.on('error', () => undefined)
  child.unref()
  return true
}

async function byDevice({ stderr }: World, admin: AdminClient): Promise<Begun> {
  const device = await admin.call(loginRoutes.beginDeviceLogin)
  const { flow, userCode, verificationUri, verificationUriComplete, expiresSeconds } = device
  stderr.write(
    plain`Open ${verificationUri} in any browser and enter the code ${userCode}` +
      (verificationUriComplete === null ? '\n' : plain`,\nor open ${verificationUriComplete}\n`),
  )
  return interruptible(async (interrupted) => {
    const untilMs = performance.now() + Math.min(expiresSeconds * 1000, loginMs)
    let everyMs = device.intervalSeconds * 1000
    while (performance.now() < untilMs && !interrupted.aborted) {
      await pause(everyMs, interrupted)
      if (interrupted.aborted) break
      const { state, session } = await admin.call(loginRoutes.pollDeviceLogin, { body: { flow } })
      if (session) return session
      // RFC 8628 §3.5.
      if (state === 'slow-down') everyMs += 5_000
    }
    throw nobodyCame()
  })
}

async function inTime<T>(waiting: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(nobodyCame()), loginMs)
  try {
    return await Promise.race([waiting, promise])
  } finally {
    clearTimeout(timer)
  }
}

function nobodyCame(): CommandError {
  return new CommandError('no person logged in within the time for it', 'Try again: mortise login')
}

export const logoutCommand = verb<ConnectOptions>({
  words: 'logout',
  summary: 'end the session that login began, here and on the server',
  examples: ['logout'],
  action: async ({ world, show }, options) => {
    const { url } = await connectAsNobody(world, options)
    if ((await readSession(world.user, url)) === undefined) {
      show({ ended: false, logoutUrl: null }, () => 'You are not logged in to this server here.\n')
      return
    }
    const admin = await connectWithSession(world, options)
    const { logoutUrl } = await admin.call(sessionRoutes.endSession).catch((error: unknown) => {
      // The session had ended before.
      if (error instanceof Refusal && error.code === 'unauthenticated') return { logoutUrl: null }
      throw error
    })
    await forgetSession(world.user, url)
    const there =
      logoutUrl === null
        ? ''
        : plain`You may still be logged in at the identity provider. To end that too, open\n\n  ${logoutUrl}\n`
    show({ ended: true, logoutUrl }, () => `Logged out.\n${there}`)
  },
})
