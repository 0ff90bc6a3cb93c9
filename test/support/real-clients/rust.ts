// Programs in Rust around a client from crates.io, with the versions that the program's Cargo.lock pins.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { buildClient, skipClient } from './builds.ts'

const notHere =
  /failed to download|spurious network error|requires rustc \d|lock file version|feature `edition\d+` is required|Cargo is older than/

/** `folder` is the program's, with Cargo.toml and Cargo.lock; stories.rs is put beside them. */
export async function buildRustClient(
  t: TestContext,
  name: string,
  folder: string,
): Promise<string | undefined> {
  const tool = spawnSync('cargo', ['--version'], { encoding: 'utf8' }).stdout?.trim()
  if (!tool) {
    skipClient(t, name, 'there is no Rust (https://rustup.rs, or Debian: cargo)')
    return undefined
  }
  return buildClient(t, {
    name,
    sources: [folder, path.join(import.meta.dirname, 'rust/stories.rs')],
    script:
      'cargo build --quiet --release --locked --target-dir built\nfind built/release -maxdepth 1 -type f -executable -exec mv {} "$1" \\;',
    tool,
    notHere,
  })
}
