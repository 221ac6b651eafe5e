/** What one page numbered and nobody has acknowledged yet: events as JSON texts, and the numbers of those left out. */

import { queueKey, store } from "./device";
import type { Kind } from "./types";

export type Reason = "consent_denied" | "sampled" | "queue_full" | "oversize" | "undeliverable" | "invalid_field";

/** Kind, number and JSON of an event; whether it goes out even when the others are given up, as a decision has to. */
export type Item = [Kind, number, string, boolean];

/** A body and what of the outbox it holds. */
export interface Batch {
  _body: string;
  _items: number;
  _reports: number;
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
  _last = 0;
  /** How many items, from the first, are on their way. */
  _travelling = 0;
  _items: Item[] = [];
  private _drops: Record<string, number[]> = {};
  private _untold = 0;
  private _reports: string[] = [];
  private _reported = 0;

  /** `head`: members of every body, as JSON without its braces. */
  constructor(
    readonly _producerId: string,
    private readonly _head: string,
  ) {}

  /** The outbox that a page left behind; throws on anything else. */
  static _revive(text: string): Outbox {
    const [producerId, head, _last, _items, _reports, _reported, _drops] = JSON.parse(text);
    return Object.assign(new Outbox(producerId, head), { _last, _items, _reports, _reported, _drops });
  }

  _add(kind: Kind, sequence: number, text: string, stays = false): void {
    const size = bytes(text);
    const held = this._items.reduce((sum, [, , item]) => sum + item.length, 0);
    if (size > MAX_ITEM_BYTES) this._drop(kind, sequence, "oversize");
    else if (this._items.length >= MAX_ITEMS || held + size > MAX_BYTES) this._drop(kind, sequence, "queue_full");
    else this._items.push([kind, sequence, text, stays]);
  }

  /** Note a number whose event goes nowhere; neighbours share a pair of first and last. */
  _drop(kind: Kind, sequence: number, reason: Reason): void {
    const pairs = (this._drops[`{"kind":"${kind}","reason":"${reason}"`] ??= []);
    if (pairs.length && pairs[pairs.length - 1] === sequence - 1) pairs[pairs.length - 1] = sequence;
    else pairs.push(sequence, sequence);
    if (++this._untold >= MAX_UNTOLD) this._seal();
  }

  /** Give up all items but the first few. */
  _discard(reason: Reason, kept = 0): void {
    for (const item of this._items.splice(kept))
      if (item[3]) this._items.push(item);
      else this._drop(item[0], item[1], reason);
  }

  /** Whether something is to be sent before the page is left. */
  get _due(): boolean {
    return this._items.length + this._reports.length > 0;
  }

  /** Reports, and events from one place on, as many as fit; `closing` adds the last number. */
  _batch(from = 0, closing = false): Batch {
    this._seal();
    let size = 0;
    const fits = (text: string): boolean => (size += bytes(text)) <= BATCH_BYTES;
    const told = leading(from ? [] : this._reports, fits);
    const texts = leading(this._items.slice(from).map(([, , text]) => text), fits);
    const closed = closing ? `,"closed":${this._last}` : "";
    const rest = `"dropped":[${told}]${closed},"events":[${texts}]`;
    const body = `{${this._head},"sentAt":"${new Date().toISOString()}",${rest}}`;
    return { _body: body, _items: texts.length, _reports: told.length };
  }

  /** The first items and reports are done with. */
  _settle(batch: Batch): void {
    this._items.splice(0, batch._items);
    this._reports.splice(0, batch._reports);
  }

  /** Keep it on the device, or nothing where nothing is left. Only with consent. */
  _keep(): void {
    const { _producerId, _head, _last, _items, _reports, _reported, _drops } = this;
    const left = this._due || Object.keys(_drops).length;
    const state = [_producerId, _head, _last, _items, _reports, _reported, _drops];
    store(queueKey(_producerId), left ? JSON.stringify(state) : undefined);
  }

  /** What was left out becomes a report, which never changes again: it may be sent twice. */
  _seal(): void {
    const counts = Object.entries(this._drops).map(([name, pairs]) => `${name},"sequences":[${pairs}]}`);
    if (counts.length) this._reports.push(`{"report":${++this._reported},"counts":[${counts}]}`);
    this._drops = {};
    this._untold = 0;
  }
}
