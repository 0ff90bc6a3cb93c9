// Ping (KMIP 2.1 §6.1.36): the server answers, so it is there.

import type { Handler } from './handler.ts'

export const ping: Handler<'Ping'> = async () => ({})
