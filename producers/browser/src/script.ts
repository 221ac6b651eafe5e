/** The script tag: options from its data attributes, calls by `window.tidegate`. */

import { init } from "./index";
import type { Options, Tidegate } from "./types";

type Call = [keyof Tidegate, ...unknown[]];

declare global {
  interface Window {
    /** The SDK, or the calls that were made before it was there. */
    tidegate?: Tidegate | Call[];
  }
}

const script = document.currentScript as HTMLScriptElement | null;

/** Options that are texts, and those that are on unless they are called off. */
const TEXTS = /^(writeKey|gateway|environment|release|service|beforeConsent|whenDeclined|consentVersion)$/;
const SWITCHES = ["pages", "errors", "vitals", "requests"] as const;

function start({ dataset, src }: HTMLScriptElement): void {
  if (!dataset["writeKey"])
    return console.error("tidegate: the script tag has no data-write-key; the dashboard shows yours");
  const options: Record<string, unknown> = { gateway: src, sampleRates: JSON.parse(dataset["sampleRates"] ?? "{}") };
  const texts: Record<string, string> = {};
  for (const [name, text] of Object.entries(dataset)) {
    if (text && /^banner./.test(name)) texts[name.charAt(6).toLowerCase() + name.slice(7)] = text;
    if (text && TEXTS.test(name)) options[name] = text;
  }
  options["banner"] = dataset["banner"] !== "off" && texts;
  for (const name of SWITCHES) options[name] = dataset[name] !== "off";
  const waiting = window.tidegate;
  const tidegate = init(options as unknown as Options);
  window.tidegate = tidegate;
  if (Array.isArray(waiting))
    for (const [name, ...rest] of waiting) (tidegate[name] as (...given: unknown[]) => unknown)(...rest);
}

if (script) start(script);
