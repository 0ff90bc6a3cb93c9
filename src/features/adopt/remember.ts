// Entries of which only the newest are kept. Pure but for the map.

/** The entry is the newest now. If there are more than `max`, the oldest is forgotten. */
export function remember<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}
