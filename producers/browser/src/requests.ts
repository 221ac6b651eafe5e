/** Timings of fetch and XMLHttpRequest, as the browser measured them: nothing of the site is wrapped. */

import type { Client } from "./client";
import { observe } from "./observe";

export function watchRequests(client: Client): void {
  observe<PerformanceResourceTiming>("resource", (entry) => {
    if (!/^(fetch|xmlhttprequest)$/.test(entry.initiatorType) || entry.name.startsWith(client.url)) return;
    const { origin, host, pathname } = new URL(entry.name);
    const own = origin === location.origin;
    const route = (own ? "" : `//${host}`) + client.route(pathname);
    const event = {
      name: route,
      route,
      durationSeconds: entry.duration / 1_000,
      statusCode: entry.responseStatus,
      // Of another origin the browser may not tell the status.
      failed: own && entry.responseStatus === 0,
    };
    client.put("span", event, performance.timeOrigin + entry.startTime);
  });
}
