// Stands in for `node:test` in the files that share a process (scripts/tests/process.ts). node's runner finds the run that a
// test belongs to by the async context of the call: after a file has awaited a promise that an earlier file made, that is
// the earlier file's run, which is over and would lose the test without a word. So what a file registers while it is
// loaded is registered outside of every earlier run, and counted. A test registers tests and hooks through its own
// context (`t.test`, `t.after`); the function of a suite does not wait, since what follows would not know its suite.

import { AsyncResource } from 'node:async_hooks'
import * as runner from 'node:test'

type Body = (...args: never[]) => unknown
type Register = (name: string, ...more: readonly unknown[]) => unknown

interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

// Belongs to no run: whatever begins in it belongs to the newest.
const outside = new AsyncResource('outside of every run')
const loaded = { isLoading: false, suites: 0, topLevel: 0, places: new Map<string, Place>() }

/** Runs something outside of every run that has been, as the next file. */
export function asNextFile<T>(work: () => T): T {
  Object.assign(loaded, { isLoading: true, suites: 0, topLevel: 0, places: new Map<string, Place>() })
  return outside.runInAsyncScope(work)
}

/** How many tests and suites the file has registered, those within suites left out. */
export function registeredTests(): number {
  return loaded.topLevel
}

/** Where the file registered the test; the runner knows only this file. */
export function placeOf(test: string): Place | undefined {
  return loaded.places.get(test)
}

export const test = registering(runner.test as Register, begins)
export const it = test
export const suite = registering(runner.suite as Register, contains)
export const describe = suite
export const before = hook(runner.before)
export const after = hook(runner.after)
export const beforeEach = hook(runner.beforeEach)
export const afterEach = hook(runner.afterEach)

function registering(register: Register, around: (body: Body) => Body): Register {
  return (name, ...more) => {
    loaded.places.set(name, caller())
    if (loaded.suites === 0) loaded.topLevel++
    const args = more.map((one) => (typeof one === 'function' ? around(one as Body) : one))
    return inFile(() => register(name, ...args))
  }
}

function hook(register: typeof runner.before): typeof runner.before {
  return (...args) => inFile(() => register(...args))
}

function inFile<T>(register: () => T): T {
  if (!loaded.isLoading) throw new Error('within a test, use its context: t.test, t.after')
  return loaded.suites > 0 ? register() : outside.runInAsyncScope(register)
}

/** A test: once the first one runs, the file is loaded. */
function begins(body: Body): Body {
  return (...args) => {
    loaded.isLoading = false
    return body(...args)
  }
}

/** A suite, whose function registers what is in it. */
function contains(body: Body): Body {
  return (...args) => {
    loaded.suites++
    try {
      if (body(...args) instanceof Promise)
        throw new Error('the function of a suite must not wait: use before()')
    } finally {
      loaded.suites--
    }
  }
}

function caller(): Place {
  const [, , , line = ''] = new Error().stack?.split('\n') ?? []
  const [, file = '', row, column] = /(file:.*?|\/.*?):(\d+):(\d+)\)?$/.exec(line) ?? []
  return { file: file.replace(/^file:\/\//, ''), line: Number(row), column: Number(column) }
}
