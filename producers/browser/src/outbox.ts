/** What one page numbered and nobody has acknowledged yet: events as JSON texts, and counts of what it left out. */

import { queueKey, store } from "./device";
import type { Kind } from "./types";

export type Reason = "consent_denied" | "sampled" | "queue_full" | "oversize" | "undeliverable" | "invalid_field";

/** A body and what of the outbox it holds. */
export interface Batch {
  body: string;
  items: number;
  reports: number;
}

const MAX_ITEMS = 500;
const MAX_BYTES = 250_000;
const MAX_ITEM_BYTES = 30_000;
/** Beacons may have 64 KiB together. */
const BATCH_BYTES = 48_000;

const bytes = (text: string): number => new TextEncoder().encode(text).length;

export class Outbox {
  /** The last number that was given. */
  last = 0;
  /** How many items, from the first, are on their way. */
  travelling = 0;
  items: [Kind, string][] = [];
  private drops: Record<string, number> = {};
  private reports: string[] = [];
  private reported = 0;

  /** `head`: members of every body, as JSON without its braces. */
  constructor(
    readonly producerId: string,
    private readonly head: string,
  ) {}

  /** The outbox that a page left behind; throws on anything else. */
  static revive(text: string): Outbox {
    const [producerId, head, last, items, reports, reported] = JSON.parse(text);
    return Object.assign(new Outbox(producerId, head), { last, items, reports, reported });
  }

  add(kind: Kind, text: string): void {
    const size = bytes(text);
    const held = this.items.reduce((sum, [, item]) => sum + item.length, 0);
    if (size > MAX_ITEM_BYTES) this.drop(kind, "oversize");
    else if (this.items.length >= MAX_ITEMS || held + size > MAX_BYTES) this.drop(kind, "queue_full");
    else this.items.push([kind, text]);
  }

  drop(kind: Kind, reason: Reason): void {
    const name = `{"kind":"${kind}","reason":"${reason}"`;
    this.drops[name] = (this.drops[name] ?? 0) + 1;
  }

  /** Give up all items but the first few. */
  discard(reason: Reason, kept = 0): void {
    this.items.splice(kept).forEach(([kind]) => this.drop(kind, reason));
  }

  /** Events from one place on, as many as fit; `closing` adds the last number. */
  batch(from = 0, closing = false): Batch {
    this.seal();
    let size = 0;
    const texts: string[] = [];
    for (const [, text] of this.items.slice(from)) {
      size += bytes(text);
      if (size > BATCH_BYTES) break;
      texts.push(text);
    }
    const closed = closing ? `,"closed":${this.last}` : "";
    const rest = `"dropped":[${this.reports}]${closed},"events":[${texts}]`;
    const body = `{${this.head},"sentAt":"${new Date().toISOString()}",${rest}}`;
    return { body, items: texts.length, reports: this.reports.length };
  }

  /** The first items and reports are done with. */
  settle(batch: Batch): void {
    this.items.splice(0, batch.items);
    this.reports.splice(0, batch.reports);
  }

  /** Keep it on the device, or nothing where nothing is left. Only with consent. */
  keep(): void {
    const empty = !this.items.length && !this.reports.length;
    const { producerId, head, last, items, reports, reported } = this;
    store(queueKey(producerId), empty ? undefined : JSON.stringify([producerId, head, last, items, reports, reported]));
  }

  /** Counts become a report, which never changes again: it may be sent twice. */
  private seal(): void {
    const counts = Object.entries(this.drops).map(([name, quantity]) => `${name},"quantity":${quantity}}`);
    if (counts.length) this.reports.push(`{"report":${++this.reported},"counts":[${counts}]}`);
    this.drops = {};
  }
}
