// Says in plain words that the Node.js at hand is too old, before it meets a TypeScript file and says something else.
// Plain JavaScript for the same reason as bin/mortise.js.

const nodeMajorMin = 24

if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
  process.stderr.write(
    `This needs Node.js ${nodeMajorMin} or newer, and ${process.execPath} is ${process.versions.node}.\n` +
      `On Linux (x64, arm64) \`npm ci\` brings Node.js ${nodeMajorMin} as an optional dependency, and npm's scripts use it:\n` +
      `run \`npm ci\` without --omit=optional, then \`npm test\`, and \`npx node FILE\` for one file. Elsewhere install Node.js ${nodeMajorMin} from https://nodejs.org.\n`,
  )
  process.exit(1)
}
