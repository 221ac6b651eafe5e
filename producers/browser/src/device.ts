/** What lies on the device: nothing until there was a choice; after a decline the choice alone. */

import { randomId } from "./ids";
import type { Consent, Options } from "./types";

const KEY = "tidegate";
const QUEUE = "tidegate.q.";
const SESSION_GAP = 1_800_000;
const SESSION_LIFE = 86_400_000;
/** 390 days, within 13 months. Counted from the choice and never prolonged: then the id goes, and the choice is asked anew. */
const LIFE = 33_696_000_000;

interface State {
  /** When the choice was made, in milliseconds. */
  since?: number;
  choice?: "granted" | "denied";
  id?: string;
  user?: string | undefined;
  /** Id, begin and last event, in milliseconds. */
  session?: [string, number, number];
}

/** In place of a storage that the browser refuses. */
let memory: State = {};

/** What came of it, or nothing where the browser or a site's leavings wouldn't have it. */
function tried<Result>(act: () => Result): Result | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

export const stored = (key: string): string | null | undefined => tried(() => localStorage.getItem(key));

/** Keeps a text, or removes it; whether that worked. */
export const store = (key: string, text?: string): true | undefined =>
  tried(() => {
    if (text === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
    return true;
  });

export const queueKey = (producerId: string): string => QUEUE + producerId;

export const queueKeys = (): string[] =>
  tried(() => Object.keys(localStorage).filter((key) => key.startsWith(QUEUE))) ?? [];

const read = (): State => {
  const state = tried(() => JSON.parse(stored(KEY) ?? "null") as State | null);
  if (!state || Date.now() - (state.since ?? 0) < LIFE) return state ?? memory;
  forget();
  return {};
};

function write(state: State): void {
  memory = store(KEY, JSON.stringify(state)) ? {} : state;
}

export const choice = (): State["choice"] => read().choice;

/** Whether the browser itself asks not to be tracked. */
export function signalled(): boolean {
  const browser = navigator as Navigator & { globalPrivacyControl?: boolean; doNotTrack?: string | null };
  return browser.globalPrivacyControl === true || browser.doNotTrack === "1";
}

/** What counts now, read anew each time: another tab may have changed it. */
export function consent(options: Options): Consent {
  const chosen = choice();
  if (chosen === "denied") return options.whenDeclined ?? "denied";
  if (signalled()) return "anonymous";
  return chosen ?? options.beforeConsent ?? "anonymous";
}

const begin = (since?: number): void => write({ choice: "granted", id: randomId(), since: since ?? Date.now() });

export const agree = (): void => begin();

export function forget(chosen?: "denied"): void {
  queueKeys().forEach((key) => store(key));
  if (chosen) write({ choice: chosen, since: Date.now() });
  else store(KEY);
}

export function setUser(user: string): void {
  write({ ...read(), user });
}

/** Another visitor from now on; the choice is as old as it was. */
export const renew = (): void => begin(read().since);

/**
 * Who it is: asked only with consent. A session ends 30 minutes after the visitor's last act, and after a day; what isn't
 * an act (a request, an error) joins one, and neither opens nor prolongs any.
 */
export function identity(now: number, act: boolean): Record<"anonymousId" | "userId" | "sessionId", string | undefined> {
  const state = read();
  const [id, begun, last] = state.session ?? ["", 0, 0];
  const open = id && now - last < SESSION_GAP && now - begun < SESSION_LIFE;
  const ids = { anonymousId: state.id, userId: state.user };
  if (!act) return { ...ids, sessionId: open ? id : undefined };
  const session: State["session"] = open ? [id, begun, now] : [randomId(), now, now];
  write({ ...state, session });
  return { ...ids, sessionId: session[0] };
}
