// The server's side of a helper process. If the process does not answer a call in time, the server kills it, and all its calls fail.

import { fork, type ChildProcess } from 'node:child_process'
import type { Clock } from '../../../core/ports/clock.ts'
import { pkcs11CallMs } from './bounds.ts'
import { scriptFile } from '../../../base/program-files.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { HelperCallName, HelperFailure, FromHelper, HelperCalls } from './helper-messages.ts'

const script = scriptFile('outside/rootkey/pkcs11/helper')

/** A call of the helper that failed. */
export class HelperError extends RootKeyError {
  override readonly name: string = 'HelperError'
  /** A new process may succeed at once. */
  readonly lost: boolean
  readonly refusesPin: boolean

  constructor({ message, reach, altered, lost, refusesPin }: HelperFailure) {
    super(reach, message, { altered })
    this.lost = lost
    this.refusesPin = refusesPin
  }
}

export class HelperProcess {
  hasEnded = false
  readonly pid: number | undefined
  readonly #child: ChildProcess
  readonly #clock: Pick<Clock, 'after'>
  readonly #calls = new Map<number, PromiseWithResolvers<HelperCalls[HelperCallName][1]>>()
  readonly #onEnded: (reason: string) => void
  #lastNumber = 0

  /** `onEnded` is called once, with the reason in words for people. */
  constructor(clock: Pick<Clock, 'after'>, onEnded: (reason: string) => void) {
    this.#clock = clock
    this.#onEnded = onEnded
    // Secrets go through the IPC channel, as bytes. A module must not write to the server's standard output.
    this.#child = fork(script, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.pid = this.#child.pid
    this.#child.on('message', (message: FromHelper) => this.#hear(message))
    this.#child.once('error', (error) => this.#end(`it cannot be started: ${error.message}`))
    this.#child.once('exit', (code, signal) => this.#end(`it ended (${signal ?? `exit code ${code}`})`))
  }

  /** Throws RootKeyError. Kills the process if it does not answer in time. */
  async call<Name extends HelperCallName>(
    call: Name,
    input: HelperCalls[Name][0],
  ): Promise<HelperCalls[Name][1]> {
    if (this.hasEnded) throw gone('it has ended')
    const number = ++this.#lastNumber
    const answer = Promise.withResolvers<HelperCalls[HelperCallName][1]>()
    this.#calls.set(number, answer)
    const timer = this.#clock.after(pkcs11CallMs, () => {
      this.#calls.delete(number)
      const why = `did not answer ${call} within ${pkcs11CallMs / 1000} s`
      answer.reject(new RootKeyError('unreachable', `the module ${why}`))
      this.kill(`the module ${why}, so its process was killed`)
    })
    // A process that could not be started, for instance for lack of file descriptors, has no channel. Its event 'error' ends this call.
    if (this.#child.connected) this.#child.send({ number, call, input }, () => undefined)
    try {
      return await answer.promise
    } finally {
      timer.cancel()
      this.#calls.delete(number)
    }
  }

  kill(reason: string): void {
    this.#end(reason)
    this.#child.kill('SIGKILL')
  }

  #hear(message: FromHelper): void {
    const call = this.#calls.get(message.number)
    if ('failure' in message) call?.reject(new HelperError(message.failure))
    else call?.resolve(message.answer)
  }

  #end(reason: string): void {
    if (this.hasEnded) return
    this.hasEnded = true
    for (const { reject } of this.#calls.values()) reject(gone(reason))
    this.#calls.clear()
    this.#onEnded(reason)
  }
}

function gone(why: string): HelperError {
  const message = `the process of the module is gone: ${why}`
  return new HelperError({ message, reach: 'unreachable', altered: false, lost: true, refusesPin: false })
}
