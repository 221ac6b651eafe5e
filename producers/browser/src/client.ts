/** The calls that a site makes, and the numbering of what comes of them. */

import * as device from "./device";
import { eventId, randomId } from "./ids";
import { Outbox } from "./outbox";
import { here, routeOf } from "./place";
import { createSender } from "./sender";
import type { Kind, Options, Properties, Tidegate } from "./types";

const MAX_ERRORS = 100;
/** Earlier pages whose events are kept on the device. */
const MAX_PAGES = 10;

/** What the parts of the SDK use beside the public calls. */
export interface Client extends Tidegate {
  put(kind: Kind, event: Properties, at?: number): void;
  /** A path by its route. */
  route(path: string): string;
  /** Is called when the page is hidden or left, before the last beacon. */
  onHide(last: () => void): void;
  readonly url: string;
  readonly options: Options;
}

export function createClient(options: Options, ask: (client: Client) => void, asked: () => void): Client {
  const url = new URL("/v1/beacon", options.gateway).href;
  const producerId = randomId();
  const { writeKey, environment, release, service } = options;
  const head = JSON.stringify({ writeKey, producerId, context: { environment, release, service } }).slice(1, -1);
  const own = new Outbox(producerId, head);
  const others: Outbox[] = [];
  const lasts: (() => void)[] = [];
  let user: [string, Properties | undefined] | undefined;
  let errors = 0;
  let keeping = false;
  let left = 0;

  const consent = () => device.consent(options);
  const keep = (box: Outbox): void => {
    if (consent() === "granted") box.keep();
  };
  const failed = (box: Outbox): void => {
    if (device.choice() === "denied") box.discard("consent_denied");
  };
  const sender = createSender(url, own, others, keep, failed);

  /** Once for all that one task of the page puts. */
  function keepSoon(): void {
    if (keeping) return;
    keeping = true;
    queueMicrotask(() => {
      keeping = false;
      keep(own);
    });
  }

  function put(kind: Kind, event: Properties, at = Date.now()): void {
    const sequence = ++own.last;
    const mode = consent();
    const sampleRate = options.sampleRates?.[kind] ?? 1;
    const reason = mode === "denied" ? "consent_denied" : Math.random() >= sampleRate ? "sampled" : undefined;
    if (own.due || !reason) sender.soon();
    keepSoon();
    if (reason) return own.drop(kind, sequence, reason);
    try {
      const now = Date.now();
      const who = mode === "granted" && kind !== "metric" ? device.identity(now, kind === "track") : {};
      const shared = { kind, id: eventId(now), sequence, at: new Date(at).toISOString(), consent: mode, sampleRate };
      own.add(kind, sequence, JSON.stringify({ url: here(), ...shared, ...who, ...event }));
    } catch {
      own.drop(kind, sequence, "invalid_field");
    }
  }

  function fromEarlierPages(): void {
    for (const key of device.queueKeys()) {
      try {
        const box = Outbox.revive(device.stored(key) ?? "");
        if (others.push(box) > MAX_PAGES) box.discard("queue_full");
        box.seal();
        box.keep();
      } catch {
        device.store(key);
      }
    }
    if (others.length) sender.soon();
  }

  function sendUser(): void {
    if (!user || consent() !== "granted") return;
    device.setUser(user[0]);
    put("track", { type: "identify", name: "identify", traits: user[1] });
  }

  /** A page that goes is hidden first, and then left: the second time there is nothing new. */
  function hide(): void {
    lasts.forEach((last) => last());
    if (left === own.last) return;
    left = own.last;
    sender.leave();
    keep(own);
  }

  const client: Client = {
    url,
    options,
    put,
    consent,
    route: (path) => (options.route ?? routeOf)(path),
    onHide: (last) => lasts.push(last),
    track: (name, properties) => put("track", { name, properties }),
    page: (name = "page", properties) => put("track", { type: "page", name, properties }),
    feature: (name, properties) => put("track", { name: "feature_used", properties: { ...properties, feature: name } }),
    measure: (name, value, unit, attributes) => put("metric", { name, value, unit, attributes }),
    error(error, properties) {
      report(error, true, properties);
    },
    identify(userId, traits) {
      user = [userId, traits];
      sendUser();
    },
    reset() {
      user = undefined;
      if (consent() === "granted") device.renew();
    },
    grant() {
      asked();
      if (device.signalled() || device.choice() === "granted") return;
      device.agree();
      sendUser();
      keep(own);
    },
    decline() {
      asked();
      device.forget("denied");
      for (const box of [own, ...others]) box.discard("consent_denied", box.travelling);
    },
    ask: () => ask(client),
    flush: sender.flush,
  };

  function report(error: unknown, handled: boolean, properties?: Properties): void {
    const { name, message, stack } = (error instanceof Error ? error : { name: "", message: String(error) }) as Error;
    if (++errors > MAX_ERRORS) return own.drop("error", ++own.last, "queue_full");
    put("error", {
      name: name || "Error",
      message: message.slice(0, 1_000),
      stack: stack?.slice(0, 8_000),
      handled,
      route: client.route(location.pathname),
      properties,
    });
  }

  if (options.errors !== false) {
    addEventListener("error", (event) => report(event.error ?? event.message, false));
    addEventListener("unhandledrejection", (event) => report(event.reason, false));
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hide();
    else if (own.items.length) sender.soon();
  });
  addEventListener("pagehide", hide);
  addEventListener("online", sender.flush);
  if (device.signalled() && device.choice() === "granted") device.forget();
  if (consent() === "granted") fromEarlierPages();
  return client;
}
