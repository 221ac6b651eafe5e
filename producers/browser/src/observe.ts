/** Entries of one type, those of before too; nothing in browsers that don't have it. */
export function observe<Entry extends PerformanceEntry>(
  type: string,
  each: (entry: Entry) => void,
  more: { durationThreshold?: number } = {},
): void {
  try {
    const observer = new PerformanceObserver((list) => list.getEntries().forEach((entry) => each(entry as Entry)));
    observer.observe({ type, buffered: true, ...more } as PerformanceObserverInit);
  } catch {
    // An unknown type.
  }
}
