// The options of adoption, a section of mortise.toml.

import { option } from '../../base/option.ts'
import { kmipServers } from '../../outside/config/schemas.ts'

export const adoptionOptions = {
  adopt: {
    hosts: option({
      schema: kmipServers(),
      initial: [],
      variable: 'MORTISE_ADOPT_HOSTS',
      live: true,
      text: 'The old servers that this server may adopt keys from, as HOST or HOST:PORT (without a port: 5696). Empty: any.',
      reason:
        'A manager of an instance names the host from which its keys come, and this server connects to it. Where any host may be named, a manager of one instance may try few, and the server does not tell that manager why one cannot be used.',
    }),
  },
} as const
