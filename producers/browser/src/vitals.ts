/** Web vitals of a page load: https://web.dev/articles/vitals. Seconds, CLS without a unit. */

import type { Client } from "./client";
import { observe } from "./observe";

interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
}

interface Interaction extends PerformanceEntry {
  interactionId?: number;
}

/** INP leaves out one interaction in fifty; the ten slowest are enough to know it by. */
const SLOWEST = 10;

export function watchVitals(client: Client): void {
  const [load] = performance.getEntriesByType("navigation") as (PerformanceNavigationTiming & { activationStart?: number })[];
  const begun = load?.activationStart ?? 0;
  const route = client._route(location.pathname);
  let hiddenAt = document.visibilityState === "hidden" ? 0 : Infinity;
  let reported = false;

  function report(name: string, milliseconds: number | undefined, unit = "s"): void {
    if (milliseconds === undefined) return;
    const value = unit === "s" ? Math.max(0, milliseconds) / 1_000 : milliseconds;
    client.measure(`browser.web_vital.${name}`, value, unit, { route });
  }

  const largest = watchLargest(() => hiddenAt);
  const shift = watchShifts();
  const interaction = watchInteractions();
  observe("paint", ({ name, startTime }) => {
    if (name === "first-contentful-paint" && startTime < hiddenAt) report("fcp", startTime - begun);
  });
  if (load && load.responseStart > 0) report("ttfb", load.responseStart - begun);

  client._onHide(() => {
    hiddenAt = Math.min(hiddenAt, performance.now());
    if (reported) return;
    reported = true;
    const painted = largest();
    report("lcp", painted && painted - begun);
    report("cls", shift(), "1");
    report("inp", interaction());
  });
}

/** The largest paint before the first input: after it, the visitor changes the page. */
function watchLargest(hiddenAt: () => number): () => number | undefined {
  let latest: number | undefined;
  let overAt = Infinity;
  // An entry may be told after the input that came later than it.
  observe("largest-contentful-paint", ({ startTime }) => {
    if (startTime < Math.min(overAt, hiddenAt())) latest = startTime;
  });
  for (const input of ["keydown", "click"])
    addEventListener(input, ({ timeStamp }) => (overAt = Math.min(overAt, timeStamp)), { once: true, capture: true });
  return () => latest;
}

/** The worst burst of shifts: gaps under a second, five seconds at most. */
function watchShifts(): () => number | undefined {
  let worst: number | undefined;
  let burst = 0;
  let first = 0;
  let last = -Infinity;
  observe<LayoutShift>("layout-shift", ({ value, hadRecentInput, startTime }) => {
    if (hadRecentInput) return;
    const joins = startTime - last < 1_000 && startTime - first < 5_000;
    burst = joins ? burst + value : value;
    first = joins ? first : startTime;
    last = startTime;
    worst = Math.max(worst ?? 0, burst);
  });
  const known = PerformanceObserver.supportedEntryTypes?.includes("layout-shift");
  return () => worst ?? (known ? 0 : undefined);
}

function watchInteractions(): () => number | undefined {
  const slowest = new Map<number, number>();
  const seen = new Set<number>();
  const take = ({ interactionId, duration }: Interaction): void => {
    if (!interactionId) return;
    seen.add(interactionId);
    slowest.set(interactionId, Math.max(slowest.get(interactionId) ?? 0, duration));
    if (slowest.size > SLOWEST) {
      const [quickest] = [...slowest].sort((one, other) => one[1] - other[1])[0] ?? [];
      if (quickest !== undefined) slowest.delete(quickest);
    }
  };
  observe<Interaction>("event", take, { durationThreshold: 16 });
  // The first one is told however quick it was.
  observe<Interaction>("first-input", take);
  return () => [...slowest.values()].sort((one, other) => other - one)[Math.min(slowest.size - 1, (seen.size / 50) | 0)];
}
