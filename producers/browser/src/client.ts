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
  readonly _url: string;
  private readonly _own: Outbox;
  private readonly _others: Outbox[] = [];
  private readonly _sender: Sender;
  private readonly _lasts: (() => void)[] = [];
  private _user: [string, Properties | undefined] | undefined;
  private _errors = 0;
  private _keeping = false;
  private _left = 0;

  /** `show` asks for consent; `asked` is called when that was answered. */
  constructor(
    readonly _options: Options,
    private readonly _show: (client: Client) => void,
    private readonly _asked: () => void,
  ) {
    const { gateway, writeKey, environment, release, service } = _options;
    const producerId = randomId();
    const head = JSON.stringify({ writeKey, producerId, context: { environment, release, service } }).slice(1, -1);
    this._url = new URL("/v1/beacon", gateway).href;
    this._own = new Outbox(producerId, head);
    const failed = (box: Outbox): void => {
      if (device.choice() === "denied") box._discard("consent_denied");
    };
    this._sender = new Sender(this._url, this._own, this._others, this._keep, failed);
    this._watch();
    if (device.signalled() && device.choice() === "granted") this._stop("anonymous");
    if (this.consent() === "granted") this._takeOver();
  }

  consent = (): Consent => device.consent(this._options);
  flush = (): Promise<void> => this._sender._flush();
  ask = (): void => this._show(this);

  track = (name: string, properties?: Properties): void => this._put("track", { name, properties });

  page = (name = "page", properties?: Properties): void => this._put("track", { type: "page", name, properties });

  feature = (name: string, properties?: Properties): void =>
    this.track("feature_used", { ...properties, feature: name });

  error = (error: unknown, properties?: Properties): void => this._report(error, true, properties);

  measure = (name: string, value: number, unit?: string, attributes?: Properties): void =>
    this._put("metric", { name, value, unit, attributes });

  identify = (userId: string, traits?: Properties): void => {
    this._user = [userId, traits];
    this._sendUser();
  };

  reset = (): void => {
    this._user = undefined;
    if (this.consent() === "granted") device.renew();
  };

  grant = (): void => {
    this._asked();
    if (device.signalled() || device.choice() === "granted") return;
    device.agree();
    this._decided("granted", {});
    this._sendUser();
    this._keep(this._own);
  };

  decline = ({ erase }: { erase?: boolean } = {}): void => {
    this._asked();
    const before = device.choice();
    for (const box of [this._own, ...this._others]) box._discard("consent_denied", box._travelling);
    if (before === "granted") this._stop("withdrawn", "denied", erase);
    else device.forget("denied");
    if (!before) this._decided("denied", { consent: "anonymous" });
  };

  /** Number an event, and queue it or note why not; `at` is when it was, in milliseconds. */
  _put(kind: Kind, event: Properties, at = Date.now()): void {
    const { _own: own } = this;
    const sequence = ++own._last;
    const decides = "consent" in event;
    const consent = decides ? event["consent"] : this.consent();
    const sampleRate = decides ? 1 : (this._options.sampleRates?.[kind] ?? 1);
    let reason: Reason | undefined;
    if (consent === "denied" && !decides) reason = "consent_denied";
    else if (Math.random() >= sampleRate) reason = "sampled";
    if (own._due || !reason) this._sender._soon();
    this._keepSoon();
    if (reason) return own._drop(kind, sequence, reason);
    try {
      const now = Date.now();
      const who = consent === "granted" && kind !== "metric" ? device.identity(now, kind === "track") : {};
      const shared = { kind, id: eventId(now), sequence, at: new Date(at).toISOString(), consent, sampleRate };
      own._add(kind, sequence, JSON.stringify({ url: here(), ...shared, ...who, ...event }), decides);
    } catch {
      own._drop(kind, sequence, "invalid_field");
    }
  }

  /** A path by its route. */
  _route(path: string): string {
    return (this._options.route ?? routeOf)(path);
  }

  /** Is called when the page is hidden or left, before the last beacon. */
  _onHide(last: () => void): void {
    this._lasts.push(last);
  }

  private readonly _keep = (box: Outbox): void => {
    if (this.consent() === "granted") box._keep();
  };

  /** Once for all that one task of the page puts. */
  private _keepSoon(): void {
    if (this._keeping) return;
    this._keeping = true;
    queueMicrotask(() => {
      this._keeping = false;
      this._keep(this._own);
    });
  }

  private _watch(): void {
    if (this._options.errors !== false) {
      addEventListener("error", (event) => this._report(event.error ?? event.message, false));
      addEventListener("unhandledrejection", (event) => this._report(event.reason, false));
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") this._hide();
      else if (this._own._items.length) this._sender._soon();
    });
    addEventListener("pagehide", () => this._hide());
    addEventListener("online", this.flush);
  }

  /** A page that goes is hidden first, and then left: the second time there is nothing new. */
  private _hide(): void {
    this._lasts.forEach((last) => last());
    if (this._left === this._own._last) return;
    this._left = this._own._last;
    this._sender._leave();
    this._keep(this._own);
  }

  /** What earlier pages left on the device is sent by this one. */
  private _takeOver(): void {
    for (const key of device.queueKeys()) {
      try {
        const box = Outbox._revive(device.stored(key) ?? "");
        if (this._others.push(box) > MAX_PAGES) box._discard("queue_full");
        box._seal();
        box._keep();
      } catch {
        device.store(key);
      }
    }
    if (this._others.length) this._sender._soon();
  }

  /** Everything on the device goes but for a choice; the gate is told whose events are to stop, and passes it on to nobody. */
  private _stop(state: string, chosen?: "denied", erase?: boolean): void {
    const who = device.identity(Date.now(), false);
    device.forget(chosen);
    this._decided(state, { ...who, consent: "denied" }, erase);
  }

  private _decided(state: string, event: Properties, erase?: boolean): void {
    const properties = { state, version: this._options.consentVersion, erase };
    this._put("track", { consent: "granted", ...event, name: "consent", properties });
  }

  private _sendUser(): void {
    if (!this._user || this.consent() !== "granted") return;
    const [userId, traits] = this._user;
    device.setUser(userId);
    this._put("track", { type: "identify", name: "identify", traits });
  }

  private _report(error: unknown, handled: boolean, properties?: Properties): void {
    const { name, message, stack } = (error instanceof Error ? error : { name: "", message: String(error) }) as Error;
    if (++this._errors > MAX_ERRORS) return this._own._drop("error", ++this._own._last, "queue_full");
    this._put("error", {
      name: name || "Error",
      message: message.slice(0, 1_000),
      stack: stack?.slice(0, 8_000),
      handled,
      route: this._route(location.pathname),
      properties,
    });
  }
}
