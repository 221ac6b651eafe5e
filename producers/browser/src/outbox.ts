/** What one page numbered and nobody has acknowledged yet: events as JSON texts, and the numbers of those left out. */

import { queueKey, store } from "./device";
import type { Kind } from "./types";

export type Reason = "consent_denied" | "sampled" | "queue_full" | "oversize" | "undeliverable" | "invalid_field";

/** Kind, number and JSON of an event; whether it goes out even when the others are given up, as a decision has to. */
export type Item = [Kind, number, string, boolean];

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
/** Numbers in one report; so many that were left out are told even if no event goes. */
const MAX_UNTOLD = 500;

const bytes = (text: string): number => new TextEncoder().encode(text).length;

/** The texts before the first that doesn't fit. */
function leading(texts: string[], fits: (text: string) => boolean): string[] {
  const end = texts.findIndex((text) => !fits(text));
  return end < 0 ? texts : texts.slice(0, end);
}

export class Outbox {
  /** The last number that was given. */
  last = 0;
  /** How many items, from the first, are on their way. */
  travelling = 0;
  items: Item[] = [];
  private drops: Record<string, number[]> = {};
  private untold = 0;
  private reports: string[] = [];
  private reported = 0;

  /** `head`: members of every body, as JSON without its braces. */
  constructor(
    readonly producerId: string,
    private readonly head: string,
  ) {}

  /** The outbox that a page left behind; throws on anything else. */
  static revive(text: string): Outbox {
    const [producerId, head, last, items, reports, reported, drops] = JSON.parse(text);
    return Object.assign(new Outbox(producerId, head), { last, items, reports, reported, drops });
  }

  add(kind: Kind, sequence: number, text: string, stays = false): void {
    const size = bytes(text);
    const held = this.items.reduce((sum, [, , item]) => sum + item.length, 0);
    if (size > MAX_ITEM_BYTES) this.drop(kind, sequence, "oversize");
    else if (this.items.length >= MAX_ITEMS || held + size > MAX_BYTES) this.drop(kind, sequence, "queue_full");
    else this.items.push([kind, sequence, text, stays]);
  }

  /** Note a number whose event goes nowhere; neighbours share a pair of first and last. */
  drop(kind: Kind, sequence: number, reason: Reason): void {
    const pairs = (this.drops[`{"kind":"${kind}","reason":"${reason}"`] ??= []);
    if (pairs.length && pairs[pairs.length - 1] === sequence - 1) pairs[pairs.length - 1] = sequence;
    else pairs.push(sequence, sequence);
    if (++this.untold >= MAX_UNTOLD) this.seal();
  }

  /** Give up all items but the first few. */
  discard(reason: Reason, kept = 0): void {
    for (const item of this.items.splice(kept))
      if (item[3]) this.items.push(item);
      else this.drop(item[0], item[1], reason);
  }

  /** Whether something is to be sent before the page is left. */
  get due(): boolean {
    return this.items.length + this.reports.length > 0;
  }

  /** Reports, and events from one place on, as many as fit; `closing` adds the last number. */
  batch(from = 0, closing = false): Batch {
    this.seal();
    let size = 0;
    const fits = (text: string): boolean => (size += bytes(text)) <= BATCH_BYTES;
    const told = leading(from ? [] : this.reports, fits);
    const texts = leading(this.items.slice(from).map(([, , text]) => text), fits);
    const closed = closing ? `,"closed":${this.last}` : "";
    const rest = `"dropped":[${told}]${closed},"events":[${texts}]`;
    const body = `{${this.head},"sentAt":"${new Date().toISOString()}",${rest}}`;
    return { body, items: texts.length, reports: told.length };
  }

  /** The first items and reports are done with. */
  settle(batch: Batch): void {
    this.items.splice(0, batch.items);
    this.reports.splice(0, batch.reports);
  }

  /** Keep it on the device, or nothing where nothing is left. Only with consent. */
  keep(): void {
    const { producerId, head, last, items, reports, reported, drops } = this;
    const left = this.due || Object.keys(drops).length;
    const state = [producerId, head, last, items, reports, reported, drops];
    store(queueKey(producerId), left ? JSON.stringify(state) : undefined);
  }

  /** What was left out becomes a report, which never changes again: it may be sent twice. */
  seal(): void {
    const counts = Object.entries(this.drops).map(([name, pairs]) => `${name},"sequences":[${pairs}]}`);
    if (counts.length) this.reports.push(`{"report":${++this.reported},"counts":[${counts}]}`);
    this.drops = {};
    this.untold = 0;
  }
}
