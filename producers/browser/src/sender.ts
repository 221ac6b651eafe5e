/** From outboxes to the gateway: by fetch while the page is there, by a beacon when it is hidden or left. */

import type { Outbox } from "./outbox";

const SOON = 1_000;
const LONGEST = 60_000;
const PATIENCE = 15_000;

export class Sender {
  private _timer: number | undefined;
  private _failures = 0;
  private _running: Promise<void> | undefined;

  /**
   * `own` is the page's outbox, `others` are those of pages that are gone; `after` is called when one has changed,
   * `failed` when an attempt came to nothing.
   */
  constructor(
    private readonly _url: string,
    private readonly _own: Outbox,
    private readonly _others: Outbox[],
    private readonly _after: (box: Outbox) => void,
    private readonly _failed: (box: Outbox) => void,
  ) {}

  /** Send within a second, or when a longer wait is over. */
  _soon(delay = SOON): void {
    this._timer ??= window.setTimeout(() => this._flush(), delay);
  }

  /** Send now; resolves when it was answered, or the attempt failed. */
  _flush(): Promise<void> {
    this._rest();
    this._running ??= this._run().finally(() => (this._running = undefined));
    return this._running;
  }

  /** All that isn't acknowledged, even if it is on its way: it has its ids. Whether it arrives isn't told. */
  _leave(): void {
    this._rest();
    for (const box of [this._own, ...this._others]) {
      let sent = 0;
      do {
        const batch = box._batch(sent, true);
        if (!navigator.sendBeacon?.(this._url, batch._body) || !batch._items) break;
        sent += batch._items;
      } while (sent < box._items.length);
    }
  }

  private _rest(): void {
    clearTimeout(this._timer);
    this._timer = undefined;
  }

  private async _run(): Promise<void> {
    for (const box of [this._own, ...this._others]) {
      while (box._due) {
        const wait = await this._attempt(box);
        if (wait) {
          this._failures++;
          this._failed(box);
          return this._soon(wait);
        }
        this._failures = 0;
      }
      if (box !== this._own) this._others.splice(this._others.indexOf(box), 1);
    }
  }

  /** How long to wait before the next attempt, in milliseconds; 0 if the batch is done with. */
  private async _attempt(box: Outbox): Promise<number> {
    const batch = box._batch(0, box !== this._own);
    box._travelling = batch._items;
    const backoff = Math.min(LONGEST, SOON * 2 ** this._failures) * (0.5 + Math.random() / 2);
    try {
      const signal = AbortSignal.timeout?.(PATIENCE) ?? null;
      const sent = { method: "POST", body: batch._body, credentials: "omit", signal } as const;
      const { ok, status, headers } = await fetch(this._url, sent);
      if (!ok && (status >= 500 || status === 429 || status === 408))
        return Math.max(Number(headers.get("Retry-After")) * 1_000 || 0, backoff);
      if (!ok) box._items.slice(0, batch._items).forEach(([kind, number]) => box._drop(kind, number, "undeliverable"));
      box._settle(batch);
      this._after(box);
      return 0;
    } catch {
      return backoff;
    } finally {
      box._travelling = 0;
    }
  }
}
