// Ping (KMIP 2.1 §6.1.36): an empty answer shows that the server runs.

import type { Handler } from './handler.ts'

export const ping: Handler<'Ping'> = async () => ({})
