import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { facts, send } from './segment_calls.mjs'

const failures = []
const client = new RudderAnalytics(facts.key, {
  dataPlaneUrl: facts.url,
  gzip: facts.gzip,
  retryCount: 12,
  logLevel: 'error',
  errorHandler: (error) => failures.push(String(error)),
})
// The client sends its first event at once, and counts the rest as flushed with it unless each flush is awaited.
send(client)
await client.flush()
await client.flush()
console.log(JSON.stringify(failures))
