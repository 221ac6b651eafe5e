/** The calls that a site makes, and the numbering of what comes of them. */

import * as device from "./device";
import { eventId, randomId } from "./ids";
import { Outbox, type Reason } from "./outbox";
import { here, routeOf } from "./place";
import { Sender } from "./sender";
import type { Consent, Kind, Options, Properties, Tidegate } from "./types";

const MAX_ERRORS = 100;
/** Earlier pages whose events are kept on the device. */
const MAX_PAGES = 10;

/** Public calls are fields: a site may hand them on without what they belong to. */
export class Client implements Tidegate {
  readonly url: string;
  private readonly own: Outbox;
  private readonly others: Outbox[] = [];
  private readonly sender: Sender;
  private readonly lasts: (() => void)[] = [];
  private user: [string, Properties | undefined] | undefined;
  private errors = 0;
  private keeping = false;
  private left = 0;

  /** `show` asks for consent; `asked` is called when that was answered. */
  constructor(
    readonly options: Options,
    private readonly show: (client: Client) => void,
    private readonly asked: () => void,
  ) {
    const { gateway, writeKey, environment, release, service } = options;
    const producerId = randomId();
    const head = JSON.stringify({ writeKey, producerId, context: { environment, release, service } }).slice(1, -1);
    this.url = new URL("/v1/beacon", gateway).href;
    this.own = new Outbox(producerId, head);
    const failed = (box: Outbox): void => {
      if (device.choice() === "denied") box.discard("consent_denied");
    };
    this.sender = new Sender(this.url, this.own, this.others, this.keep, failed);
    this.watch();
    if (device.signalled() && device.choice() === "granted") this.stop("anonymous");
    if (this.consent() === "granted") this.takeOver();
  }

  consent = (): Consent => device.consent(this.options);
  flush = (): Promise<void> => this.sender.flush();
  ask = (): void => this.show(this);

  track = (name: string, properties?: Properties): void => this.put("track", { name, properties });

  page = (name = "page", properties?: Properties): void => this.put("track", { type: "page", name, properties });

  feature = (name: string, properties?: Properties): void =>
    this.track("feature_used", { ...properties, feature: name });

  error = (error: unknown, properties?: Properties): void => this.report(error, true, properties);

  measure = (name: string, value: number, unit?: string, attributes?: Properties): void =>
    this.put("metric", { name, value, unit, attributes });

  identify = (userId: string, traits?: Properties): void => {
    this.user = [userId, traits];
    this.sendUser();
  };

  reset = (): void => {
    this.user = undefined;
    if (this.consent() === "granted") device.renew();
  };

  grant = (): void => {
    this.asked();
    if (device.signalled() || device.choice() === "granted") return;
    device.agree();
    this.decided("granted", {});
    this.sendUser();
    this.keep(this.own);
  };

  decline = ({ erase }: { erase?: boolean } = {}): void => {
    this.asked();
    const before = device.choice();
    for (const box of [this.own, ...this.others]) box.discard("consent_denied", box.travelling);
    if (before === "granted") this.stop("withdrawn", "denied", erase);
    else device.forget("denied");
    if (!before) this.decided("denied", { consent: "anonymous" });
  };

  /** Number an event, and queue it or note why not; `at` is when it was, in milliseconds. */
  put(kind: Kind, event: Properties, at = Date.now()): void {
    const { own } = this;
    const sequence = ++own.last;
    const decides = "consent" in event;
    const consent = decides ? event["consent"] : this.consent();
    const sampleRate = decides ? 1 : (this.options.sampleRates?.[kind] ?? 1);
    let reason: Reason | undefined;
    if (consent === "denied" && !decides) reason = "consent_denied";
    else if (Math.random() >= sampleRate) reason = "sampled";
    if (own.due || !reason) this.sender.soon();
    this.keepSoon();
    if (reason) return own.drop(kind, sequence, reason);
    try {
      const now = Date.now();
      const who = consent === "granted" && kind !== "metric" ? device.identity(now, kind === "track") : {};
      const shared = { kind, id: eventId(now), sequence, at: new Date(at).toISOString(), consent, sampleRate };
      own.add(kind, sequence, JSON.stringify({ url: here(), ...shared, ...who, ...event }), decides);
    } catch {
      own.drop(kind, sequence, "invalid_field");
    }
  }

  /** A path by its route. */
  route(path: string): string {
    return (this.options.route ?? routeOf)(path);
  }

  /** Is called when the page is hidden or left, before the last beacon. */
  onHide(last: () => void): void {
    this.lasts.push(last);
  }

  private readonly keep = (box: Outbox): void => {
    if (this.consent() === "granted") box.keep();
  };

  /** Once for all that one task of the page puts. */
  private keepSoon(): void {
    if (this.keeping) return;
    this.keeping = true;
    queueMicrotask(() => {
      this.keeping = false;
      this.keep(this.own);
    });
  }

  private watch(): void {
    if (this.options.errors !== false) {
      addEventListener("error", (event) => this.report(event.error ?? event.message, false));
      addEventListener("unhandledrejection", (event) => this.report(event.reason, false));
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this.hide();
      else if (this.own.items.length) this.sender.soon();
    });
    addEventListener("pagehide", () => this.hide());
    addEventListener("online", this.flush);
  }

  /** A page that goes is hidden first, and then left: the second time there is nothing new. */
  private hide(): void {
    this.lasts.forEach((last) => last());
    if (this.left === this.own.last) return;
    this.left = this.own.last;
    this.sender.leave();
    this.keep(this.own);
  }

  /** What earlier pages left on the device is sent by this one. */
  private takeOver(): void {
    for (const key of device.queueKeys()) {
      try {
        const box = Outbox.revive(device.stored(key) ?? "");
        if (this.others.push(box) > MAX_PAGES) box.discard("queue_full");
        box.seal();
        box.keep();
      } catch {
        device.store(key);
      }
    }
    if (this.others.length) this.sender.soon();
  }

  /** Everything on the device goes but for a choice; the gate is told whose events are to stop, and passes it on to nobody. */
  private stop(state: string, chosen?: "denied", erase?: boolean): void {
    const who = device.identity(Date.now(), false);
    device.forget(chosen);
    this.decided(state, { ...who, consent: "denied" }, erase);
  }

  private decided(state: string, event: Properties, erase?: boolean): void {
    const properties = { state, version: this.options.consentVersion, erase };
    this.put("track", { consent: "granted", ...event, name: "consent", properties });
  }

  private sendUser(): void {
    if (!this.user || this.consent() !== "granted") return;
    const [userId, traits] = this.user;
    device.setUser(userId);
    this.put("track", { type: "identify", name: "identify", traits });
  }

  private report(error: unknown, handled: boolean, properties?: Properties): void {
    const { name, message, stack } = (error instanceof Error ? error : { name: "", message: String(error) }) as Error;
    if (++this.errors > MAX_ERRORS) return this.own.drop("error", ++this.own.last, "queue_full");
    this.put("error", {
      name: name || "Error",
      message: message.slice(0, 1_000),
      stack: stack?.slice(0, 8_000),
      handled,
      route: this.route(location.pathname),
      properties,
    });
  }
}
