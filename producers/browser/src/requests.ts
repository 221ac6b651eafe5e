/** Timings of fetch and XMLHttpRequest, as the browser measured them. */

import type { Client } from "./client";
import { methodOf, watchMethods } from "./methods";
import { observe } from "./observe";

export function watchRequests(client: Client): void {
  watchMethods();
  observe<PerformanceResourceTiming>("resource", (entry) => {
    if (!/^(fetch|xmlhttprequest)$/.test(entry.initiatorType)) return;
    const method = methodOf(entry.name, entry.startTime);
    if (entry.name.startsWith(client._url)) return;
    const { origin, host, pathname } = new URL(entry.name);
    const own = origin === location.origin;
    const route = (own ? "" : `//${host}`) + client._route(pathname);
    const event = {
      name: route,
      route,
      method,
      durationSeconds: entry.duration / 1_000,
      statusCode: entry.responseStatus,
      // Of another origin the browser may not tell the status.
      failed: own && entry.responseStatus === 0,
    };
    client._put("span", event, performance.timeOrigin + entry.startTime);
  });
}
