// A small shop with OpenTelemetry's Node SDK and its instrumentation of http, configured as its users do: by environment.
import { createRequire } from 'node:module'

const facts = JSON.parse(process.argv[2])
Object.assign(process.env, {
  OTEL_SERVICE_NAME: facts.service,
  OTEL_RESOURCE_ATTRIBUTES: 'service.version=1.2,deployment.environment.name=test',
  OTEL_EXPORTER_OTLP_ENDPOINT: facts.url,
  OTEL_EXPORTER_OTLP_HEADERS: `x-tidegate-key=${facts.key}`,
  OTEL_EXPORTER_OTLP_PROTOCOL: facts.protocol,
  OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_LOGS_EXPORTER: 'otlp',
  OTEL_METRIC_EXPORT_INTERVAL: '600000',
  OTEL_NODE_RESOURCE_DETECTORS: 'env',
})
const { NodeSDK } = await import('@opentelemetry/sdk-node')
const { AggregationType } = await import('@opentelemetry/sdk-metrics')
const { HttpInstrumentation } = await import('@opentelemetry/instrumentation-http')
const api = await import('@opentelemetry/api')

const sdk = new NodeSDK({
  instrumentations: [new HttpInstrumentation()],
  views: [
    { instrumentName: 'spread', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
  ],
})
sdk.start()
const http = createRequire(import.meta.url)('http')
const tracer = api.trace.getTracer('shop')
const logger = api.logs.getLogger('shop.orders')

function query(number) {
  tracer.startActiveSpan('SELECT', { kind: api.SpanKind.CLIENT }, (span) => {
    span.setAttribute('db.system.name', 'postgresql')
    span.setAttribute('db.query.text', `SELECT 1 FROM orders WHERE buyer = '${facts.secret}'`)
    logger.emit({ severityNumber: 13, severityText: 'WARN', body: `order ${number} of ${facts.secret}` })
    span.end()
  })
}

const server = http.createServer((request, response) => {
  const number = Number(new URL(request.url, 'http://shop').pathname.split('/')[2])
  if (number === 3) {
    const span = api.trace.getActiveSpan()
    span.recordException(new RangeError(`no order for ${facts.secret}`))
    span.setStatus({ code: api.SpanStatusCode.ERROR })
    response.statusCode = 500
  } else query(number)
  response.end('{}')
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
for (const number of [1, 2, 3]) {
  await new Promise((resolve, reject) => {
    const url = `http://127.0.0.1:${server.address().port}/orders/${number}?token=${facts.secret}`
    http.get(url, (answer) => answer.resume().on('end', resolve)).on('error', reject)
  })
}
server.close()

const meter = api.metrics.getMeter('shop')
const observed = { reads: ['ObservableCounter', 40], open: ['ObservableUpDownCounter', -4], load: ['ObservableGauge', 0.25] }
for (const [name, [kind, value]] of Object.entries(observed))
  meter[`create${kind}`](name).addCallback((result) => result.observe(value, { pool: 'main' }))
meter.createGauge('temperature', { unit: 'Cel' }).record(21.5)
meter.createCounter('orders').add(3, { plan: 'team' })
meter.createUpDownCounter('queued').add(-2)
meter.createHistogram('latency', { unit: 's' }).record(0.2)
const spread = meter.createHistogram('spread')
for (const value of [0, 1, 100]) spread.record(value)
logger.emit({ severityNumber: 5, body: { step: 1 }, eventName: 'order.paid', attributes: { amount: 12 } })
await sdk.shutdown()
console.log(JSON.stringify('sent'))
