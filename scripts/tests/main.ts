// The entry of a process that runs test files (scripts/tests/process.ts). node's runner follows every promise to know which
// test an error without a catcher belongs to. That takes more time than most tests: seven eighths of one that reads a file
// of 100,000 rows. Here it follows timers and sockets only; an error that it cannot place still fails the file.

import asyncHooks, { type HookCallbacks } from 'node:async_hooks'

const { createHook } = asyncHooks
asyncHooks.createHook = (callbacks: HookCallbacks) => createHook({ ...callbacks, trackPromises: false })
// Only now: the runner takes createHook when it is loaded.
await import('./process.ts')
