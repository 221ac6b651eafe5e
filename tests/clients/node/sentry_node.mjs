// What an application sends with @sentry/node, one of each; prints the ids that it was given.
import * as Sentry from "@sentry/node";

const { dsn, release, lifecycle } = JSON.parse(process.argv[2]);

Sentry.init({ dsn, release, environment: "test", tracesSampleRate: 1, enableLogs: true, traceLifecycle: lifecycle });
Sentry.setUser({ id: "user-4711", email: "jane@example.org", ip_address: "203.0.113.9" });
Sentry.setTag("shop", "north");

Sentry.captureMessage("the queue is nearly full", "warning");
let error = "";
try {
  throw new TypeError("outer failed", { cause: new RangeError("inner failed") });
} catch (exception) {
  error = Sentry.captureException(exception);
}
Sentry.startSpan({ op: "http.server", name: "/agents/{slug}", forceTransaction: true }, (root) => {
  root.setAttribute("http.request.method", "GET");
  root.setAttribute("http.response.status_code", 503);
  const query = "SELECT name FROM agents WHERE slug = 'secret'";
  Sentry.startSpan({ op: "db", name: query, attributes: { "db.system": "sqlite" } }, () => undefined);
});
Sentry.logger.warn("took long", { seconds: 2.5 });
Sentry.captureFeedback({ message: "I lost my cart", name: "Jane Doe", email: "jane@example.org", associatedEventId: error });
const checkIn = Sentry.captureCheckIn({ monitorSlug: "nightly", status: "in_progress" });
Sentry.captureCheckIn({ checkInId: checkIn, monitorSlug: "nightly", status: "ok", duration: 2.5 });
Sentry.endSession();
await Sentry.close(20_000);
console.log(JSON.stringify({ error, checkIn }));
