/** Which method a request had: the browser's timings don't say, so calls are noted as they begin, and go on untouched. */

/** Begin in milliseconds of the page's time, address and method of calls whose timing hasn't come; the oldest go. */
const notes: [number, string, string][] = [];
const MAX_NOTES = 100;

const plain = (url: string): string => new URL(url, document.baseURI).href.replace(/#.*/, "");

function note(url: unknown, method: unknown): void {
  try {
    notes.unshift([performance.now(), plain(String(url)), (method as string) || "GET"]);
    notes.splice(MAX_NOTES);
  } catch {
    // What is no address is the browser's to refuse.
  }
}

/** Begin to note. */
export function watchMethods(): void {
  const { fetch } = window;
  const { open } = XMLHttpRequest.prototype;
  window.fetch = function (...call: Parameters<typeof fetch>) {
    const [input, init] = call as [Partial<Request>, RequestInit?];
    note(input?.url ?? input, init?.method ?? input?.method);
    return fetch.apply(this, call);
  };
  XMLHttpRequest.prototype.open = function (...call: unknown[]) {
    note(call[1], call[0]);
    return open.apply(this, call as Parameters<typeof open>);
  };
}

/** The method of the request that began then, in milliseconds of the page's time; empty if it wasn't noted. */
export function methodOf(name: string, startTime: number): string {
  const url = plain(name);
  const at = notes.findIndex(([begun, noted]) => noted === url && begun <= startTime + 1);
  return at < 0 ? "" : (notes.splice(at, 1)[0]?.[2] ?? "");
}
