/** From outboxes to the gateway: by fetch while the page is there, by a beacon when it is hidden or left. */

import type { Outbox } from "./outbox";

const SOON = 1_000;
const LONGEST = 60_000;
const PATIENCE = 15_000;

export interface Sender {
  soon(): void;
  flush(): Promise<void>;
  leave(): void;
}

/**
 * `own` is the page's outbox, `others` are those of pages that are gone; `after` is called when one has changed, `failed`
 * when an attempt came to nothing.
 */
export function createSender(
  url: string,
  own: Outbox,
  others: Outbox[],
  after: (box: Outbox) => void,
  failed: (box: Outbox) => void,
): Sender {
  let timer: number | undefined;
  let failures = 0;
  let running: Promise<void> | undefined;

  const later = (delay: number): void => {
    timer ??= window.setTimeout(flush, delay);
  };

  /** How long to wait before the next attempt, in milliseconds; 0 if the batch is done with. */
  async function attempt(box: Outbox): Promise<number> {
    const batch = box.batch(0, box !== own);
    box.travelling = batch.items;
    const backoff = Math.min(LONGEST, SOON * 2 ** failures) * (0.5 + Math.random() / 2);
    try {
      const signal = AbortSignal.timeout?.(PATIENCE) ?? null;
      const { ok, status, headers } = await fetch(url, { method: "POST", body: batch.body, credentials: "omit", signal });
      if (!ok && (status >= 500 || status === 429 || status === 408))
        return Math.max(Number(headers.get("Retry-After")) * 1_000 || 0, backoff);
      if (!ok) box.items.slice(0, batch.items).forEach(([kind, number]) => box.drop(kind, number, "undeliverable"));
      box.settle(batch);
      after(box);
      return 0;
    } catch {
      return backoff;
    } finally {
      box.travelling = 0;
    }
  }

  async function run(): Promise<void> {
    for (const box of [own, ...others]) {
      while (box.due) {
        const wait = await attempt(box);
        if (wait) {
          failures++;
          failed(box);
          return later(wait);
        }
        failures = 0;
      }
      if (box !== own) others.splice(others.indexOf(box), 1);
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    running ??= run().finally(() => (running = undefined));
    return running;
  }

  /** All that isn't acknowledged, even if it is on its way: it has its ids. Whether it arrives isn't told. */
  function leave(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const box of [own, ...others]) {
      let sent = 0;
      do {
        const batch = box.batch(sent, true);
        if (!navigator.sendBeacon?.(url, batch.body) || !batch.items) break;
        sent += batch.items;
      } while (sent < box.items.length);
    }
  }

  return { soon: () => later(SOON), flush, leave };
}
