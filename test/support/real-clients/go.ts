// Programs in Go around a client from the Go module proxy, with the versions that the program's go.sum pins.

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { fileOfDebian13 } from '../packages/debian-13.ts'
import { buildClient, skipClient } from './builds.ts'

const notHere =
  /dial tcp|lookup \S+|no such host|timed? ?out|connection re(?:fused|set)|unreachable|GOPROXY=off|https?:\S+: \d{3} |requires go >=|unknown directive|invalid go version/i

/** `folder` is the program's, with go.mod and go.sum; stories.go is put beside it. */
export async function buildGoClient(
  t: TestContext,
  name: string,
  folder: string,
): Promise<string | undefined> {
  const go = newestGo()
  if (go === undefined) {
    skipClient(t, name, 'there is no Go (https://go.dev/dl)')
    return undefined
  }
  return buildClient(t, {
    name,
    sources: [folder, path.join(import.meta.dirname, 'go/stories.go')],
    script: '"$2" build -mod=readonly -trimpath -buildvcs=false -o "$1" .',
    words: [go],
    env: { GOWORK: 'off', CGO_ENABLED: '0' },
    notHere,
  })
}

/** The machine's own, or Debian 13's, which scripts/test.ts extracts or installs. */
function newestGo(): string | undefined {
  const debian = fileOfDebian13('usr/lib/go-1.*/bin/go')
  const files = ['go', ...(debian === undefined ? [] : [debian]), ...globSync('/usr/lib/go-1.*/bin/go')]
  return files
    .flatMap((file) => {
      const minor = /go1\.(\d+)/.exec(spawnSync(file, ['version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
      return minor === undefined ? [] : [{ file, minor: Number(minor) }]
    })
    .toSorted((a, b) => b.minor - a.minor)[0]?.file
}
