// Parses `server.store = "postgres://…"`. It refuses a URL with a password: URLs end up in logs and lists of processes.

import { isLoopback } from '../../../base/loopback.ts'

export interface PostgresPlace {
  /** One of these hosts takes changes. A host that begins with `/` is the folder of a socket. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly user: string
  readonly database: string
  readonly tls: 'none' | 'unverified' | 'verified'
  /** The file with the CAs that the client trusts; null: the CAs that Node.js knows. */
  readonly caFile: string | null
}

const form = /^postgres(?:ql)?:\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/

/** True also for other spellings of a database's address, which would otherwise count as the name of a SQLite file. */
export function isPostgresUrl(store: string): boolean {
  return /^postgres(?:ql)?:|^[a-z][a-z\d+.:-]*:\/\/|^\s*(?:host|hostaddr|port|dbname|user|service)\s*=/i.test(
    store,
  )
}

/** Throws an error whose message says what to write instead. */
export function parsePostgresUrl(url: string): PostgresPlace {
  const match = form.exec(url)
  if (!match)
    throw wrong(
      'is neither a path nor of the form postgres://user@host[:port][,host2]/database?sslmode=verify-full',
    )
  const [, login = '', hostList = '', database = '', query = ''] = match
  if (login.includes(':'))
    throw wrong(
      'has a password in it. Take it out, and put it into a file that MORTISE_STORE_PASSWORD_FILE or PGPASSFILE names',
    )
  if (login === '') throw wrong('names no user: postgres://user@host/database')
  if (database === '') throw wrong('names no database: postgres://user@host/database')
  const options = new Map(new URLSearchParams(query))
  const take = (name: string) => {
    const value = options.get(name)
    options.delete(name)
    return value
  }
  const socket = take('host')
  const mode = take('sslmode')
  const caFile = take('sslrootcert') ?? null
  const [unknown] = options.keys()
  if (unknown !== undefined) throw wrong(`has the option ${unknown}; there are sslmode, sslrootcert and host`)
  const hosts = (hostList === '' ? (socket ?? '') : hostList).split(',').map(hostAndPort)
  const remote = hosts.some(({ host }) => !host.startsWith('/') && !isLoopback(host))
  return {
    hosts,
    user: decoded(login),
    database: decoded(database),
    tls: tlsOf(mode, remote),
    caFile,
  }
}

/** The URL, as messages show it to people. */
export function describePlace({ hosts, user, database }: PostgresPlace): string {
  return `postgres://${user}@${hosts.map(describeHost).join(',')}/${database}`
}

/** The host and port, as the URL writes them. */
export function describeHost({ host, port }: PostgresPlace['hosts'][number]): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function hostAndPort(text: string): { host: string; port: number } {
  const match = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(text)
  const host = decoded((match?.[1] ?? '').replace(/^\[(.*)\]$/, '$1'))
  const port = Number(match?.[2] ?? 5432)
  if (host === '' || port < 1 || port > 65_535)
    throw wrong(`names no host and port: ${text === '' ? 'nothing' : text}`)
  return { host, port }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('has a % that stands for no character: write %25 for it')
  }
}

function tlsOf(mode: string | undefined, remote: boolean): PostgresPlace['tls'] {
  switch (mode) {
    case undefined:
      return remote ? 'verified' : 'none'
    case 'disable':
      return 'none'
    case 'require':
      return 'unverified'
    case 'verify-full':
      return 'verified'
    default:
      throw wrong(`has sslmode=${mode}; there are verify-full, require and disable`)
  }
}

function wrong(what: string): Error {
  return new Error(`server.store ${what}`)
}
