/** From outboxes to the gateway: by fetch while the page is there, by a beacon when it is hidden or left. */

import type { Outbox } from "./outbox";

const SOON = 1_000;
const LONGEST = 60_000;
const PATIENCE = 15_000;

export class Sender {
  private timer: number | undefined;
  private failures = 0;
  private running: Promise<void> | undefined;

  /**
   * `own` is the page's outbox, `others` are those of pages that are gone; `after` is called when one has changed,
   * `failed` when an attempt came to nothing.
   */
  constructor(
    private readonly url: string,
    private readonly own: Outbox,
    private readonly others: Outbox[],
    private readonly after: (box: Outbox) => void,
    private readonly failed: (box: Outbox) => void,
  ) {}

  /** Send within a second, or when a longer wait is over. */
  soon(delay = SOON): void {
    this.timer ??= window.setTimeout(() => this.flush(), delay);
  }

  /** Send now; resolves when it was answered, or the attempt failed. */
  flush(): Promise<void> {
    this.rest();
    this.running ??= this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  /** All that isn't acknowledged, even if it is on its way: it has its ids. Whether it arrives isn't told. */
  leave(): void {
    this.rest();
    for (const box of [this.own, ...this.others]) {
      let sent = 0;
      do {
        const batch = box.batch(sent, true);
        if (!navigator.sendBeacon?.(this.url, batch.body) || !batch.items) break;
        sent += batch.items;
      } while (sent < box.items.length);
    }
  }

  private rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private async run(): Promise<void> {
    for (const box of [this.own, ...this.others]) {
      while (box.due) {
        const wait = await this.attempt(box);
        if (wait) {
          this.failures++;
          this.failed(box);
          return this.soon(wait);
        }
        this.failures = 0;
      }
      if (box !== this.own) this.others.splice(this.others.indexOf(box), 1);
    }
  }

  /** How long to wait before the next attempt, in milliseconds; 0 if the batch is done with. */
  private async attempt(box: Outbox): Promise<number> {
    const batch = box.batch(0, box !== this.own);
    box.travelling = batch.items;
    const backoff = Math.min(LONGEST, SOON * 2 ** this.failures) * (0.5 + Math.random() / 2);
    try {
      const signal = AbortSignal.timeout?.(PATIENCE) ?? null;
      const sent = { method: "POST", body: batch.body, credentials: "omit", signal } as const;
      const { ok, status, headers } = await fetch(this.url, sent);
      if (!ok && (status >= 500 || status === 429 || status === 408))
        return Math.max(Number(headers.get("Retry-After")) * 1_000 || 0, backoff);
      if (!ok) box.items.slice(0, batch.items).forEach(([kind, number]) => box.drop(kind, number, "undeliverable"));
      box.settle(batch);
      this.after(box);
      return 0;
    } catch {
      return backoff;
    } finally {
      box.travelling = 0;
    }
  }
}
