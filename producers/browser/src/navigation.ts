/** Page views: at the start, when the path changes without a load, and when the browser brings a page back. */

import type { Client } from "./client";
import { here, path } from "./place";

export function watchPages(client: Client): void {
  let seen = "";
  let from = document.referrer.replace(/[?#].*/, "");

  function changed(): void {
    const now = path();
    if (now === seen) return;
    seen = now;
    const campaign = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("utm_"));
    client._put("track", {
      type: "page",
      name: "page",
      referrer: from || undefined,
      properties: { ...Object.fromEntries(campaign), path: client._route(now) },
    });
    from = here();
  }

  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...given) {
      original.apply(this, given);
      changed();
    };
  }
  addEventListener("popstate", changed);
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    seen = "";
    changed();
  });
  changed();
}
