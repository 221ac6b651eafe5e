/** The npm package: `init` once, in a browser. */

import { hideBanner, showBanner } from "./banner";
import { Client } from "./client";
import { choice, signalled } from "./device";
import { watchPages } from "./navigation";
import { watchRequests } from "./requests";
import type { Options, Tidegate } from "./types";
import { watchVitals } from "./vitals";

export type { BannerTexts, Consent, Kind, Options, Properties, Tidegate } from "./types";

let started: Tidegate | undefined;

/** Starts the SDK; a second call gives what the first one started. */
export function init(options: Options): Tidegate {
  if (started) return started;
  const client = new Client(options, (asking) => showBanner(asking, true), hideBanner);
  started = client;
  if (options.pages !== false) watchPages(client);
  if (options.vitals !== false) watchVitals(client);
  if (options.requests !== false) watchRequests(client);
  document.addEventListener("click", ({ target }) => {
    const marked = (name: string) => (target as Element | null)?.closest?.(`[data-tidegate-${name}]`);
    const feature = marked("feature")?.getAttribute("data-tidegate-feature");
    if (feature) client.feature(feature);
    if (marked("consent")) client.ask();
  });
  addEventListener("storage", ({ key }) => {
    if (key !== "tidegate" || !choice()) return;
    hideBanner();
    if (choice() === "denied") client.decline();
  });
  if (options.banner !== false && !choice() && !signalled()) {
    const show = () => showBanner(client, false);
    if (document.body) show();
    else addEventListener("DOMContentLoaded", show);
  }
  return client;
}
