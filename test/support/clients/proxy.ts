// What stands between a client and a server in tests: a wire that can be cut, and a peer that ends TLS on both sides
// and changes what the server says. Loopback only.

import { once } from 'node:events'
import {
  createServer as createTcpServer,
  connect,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { freePort } from '../server/free-port.ts'
import { makeServerCertificate } from '../server/kmip-listener.ts'
import { connectClient } from './tls-client.ts'

export interface Target {
  readonly host: string
  readonly port: number
}

export interface Wire extends AsyncDisposable {
  readonly port: number
  /** Connections so far. */
  connections(): number
  /** Where from, in order. */
  sources(): readonly string[]
  /** Ends what runs; nothing listens any more. */
  cut(): Promise<void>
  /** Listens again, on the same port. */
  mend(): Promise<void>
  /** Ends connections that run, and lets new ones through. */
  drop(): void
  /** From now on bytes of the server go nowhere. */
  mute(): void
  /** From now on no bytes go on, in either direction, until `release`. */
  hold(): void
  /** The same for bytes of the server. */
  holdAnswers(): void
  /** What was held goes on, in its order. */
  release(): void
  /** The next words of the client that are these go on as others of the same length. */
  replaceOnce(words: string, by: string): void
}

/** Passes bytes on, whatever they are. */
export async function openWire(target: Target): Promise<Wire> {
  const running = new Set<Socket>()
  const sources: string[] = []
  let muted = false
  let held: (() => void)[] | undefined
  let onlyAnswers = false
  let replaced: { readonly words: string; readonly by: string } | undefined
  const replacing = (chunk: Buffer): Buffer => {
    const at = replaced ? chunk.indexOf(replaced.words) : -1
    if (!replaced || at < 0) return chunk
    chunk.write(replaced.by, at)
    replaced = undefined
    return chunk
  }
  const pass = (onward: () => void): void => {
    if (held) held.push(onward)
    else onward()
  }
  const server = createTcpServer((inner) => {
    sources.push(inner.remoteAddress ?? '')
    const outer = connect(target)
    for (const socket of [inner, outer]) {
      running.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {
        // Cut on purpose.
      })
      socket.on('close', () => {
        running.delete(socket)
        pass(() => {
          inner.destroy()
          outer.destroy()
        })
      })
    }
    inner.on('data', (chunk: Buffer) => {
      const onward = () => outer.write(replacing(chunk))
      if (onlyAnswers) onward()
      else pass(onward)
    })
    inner.on('end', () => pass(() => outer.end()))
    outer.on('data', (chunk: Buffer) => {
      if (!muted) pass(() => inner.write(chunk))
    })
    outer.on('end', () => pass(() => inner.end()))
  })
  const port = await listenOn(server, await freePort())
  const drop = (): void => {
    for (const socket of running) socket.destroy()
  }
  const cut = async (): Promise<void> => {
    drop()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  return {
    port,
    connections: () => sources.length,
    sources: () => sources,
    cut,
    mend: async () => {
      muted = false
      if (!server.listening) await listenOn(server, port)
    },
    drop,
    mute: () => (muted = true),
    hold: () => (held ??= []),
    holdAnswers: () => {
      held ??= []
      onlyAnswers = true
    },
    release: () => {
      onlyAnswers = false
      const waiting = held ?? []
      held = undefined
      for (const onward of waiting) onward()
    },
    replaceOnce: (words, by) => (replaced = { words, by }),
    [Symbol.asyncDispose]: cut,
  }
}

export interface AlterOptions {
  readonly target: Target
  /** Shown to the server in the client's place. */
  readonly tls: { readonly cert: string; readonly key: string }
  /** A whole answer, and what comes of it; undefined: the connection ends instead. */
  readonly alter: (answer: Buffer, request: Buffer) => Buffer | undefined
}

/** Speaks TLS on both sides and lets every answer be changed. */
export async function openAlteringProxy(
  options: AlterOptions,
): Promise<AsyncDisposable & { readonly port: number }> {
  const { certificate: cert, key } = await makeServerCertificate()
  const running = new Set<TLSSocket>()
  const server = createTlsServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
    running.add(socket)
    socket.on('error', () => {
      // Clients of a broken server break off.
    })
    socket.on('close', () => running.delete(socket))
    void relay(socket, options).catch(() => socket.destroy())
  })
  const port = await listenOn(server, 0)
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of running) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function relay(socket: TLSSocket, { target, tls, alter }: AlterOptions): Promise<void> {
  const upstream = await connectClient({ ...target, ...tls })
  socket.on('close', () => upstream.close())
  let seen = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    seen = Buffer.concat([seen, chunk])
    while (seen.length >= 8 && seen.length >= 8 + seen.readUInt32BE(4)) {
      const request = seen.subarray(0, 8 + seen.readUInt32BE(4))
      seen = seen.subarray(request.length)
      const answer = await upstream.ask(request)
      const altered = answer && alter(answer, request)
      if (altered === undefined) return void socket.destroy()
      socket.write(altered)
    }
  }
}

/** A listener that takes connections and never says anything; or says `words` and nothing else. */
export async function openMute(
  words?: string | Buffer,
): Promise<AsyncDisposable & { readonly port: number }> {
  const running = new Set<Socket>()
  const server = createTcpServer((socket) => {
    running.add(socket)
    socket.on('error', () => {
      // The peer gives up.
    })
    if (words !== undefined) socket.once('data', () => socket.end(words))
    else socket.resume()
  })
  const port = await listenOn(server, 0)
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of running) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
